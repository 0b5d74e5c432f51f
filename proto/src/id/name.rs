//! Names chosen outside: users, groups, devices, logins. 1 to 64 characters of one alphabet.

use ecow::EcoString;

use crate::IdError;

/// The most characters (all ASCII, so bytes) a name may have.
pub const NAME_BYTES_MAX: usize = 64;

/// What the logins of other issuers begin with.
const ELSEWHERE: char = '~';

/// Letters, digits and `. _ - | @ : + = ~`: `sub` claims of identity providers and e-mail addresses fit.
pub(super) fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'_' | b'-' | b'|' | b'@' | b':' | b'+' | b'=' | b'~')
}

fn check(what: &'static str, text: &str) -> Result<(), IdError> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        return Err(IdError::Length { what, length: text.len(), max: NAME_BYTES_MAX });
    }
    match text.bytes().position(|byte| !is_allowed(byte)) {
        Some(at) => Err(IdError::Character { what, at }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(EcoString);

        impl $type {
            /// Checks length (1 to 64) and alphabet.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check($what, text)?;
                Ok(Self(EcoString::from(text)))
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $type {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    };
}

name! {
    /// A user: the `sub` of a verified token.
    UserId, "user id"
}
name! {
    /// A group, chosen by its creator or by the server.
    GroupId, "group id"
}
name! {
    /// One device of a user, as the client names it.
    DeviceId, "device id"
}
name! {
    /// One login of a user (the `sid` claim): what a refresh-token family belongs to and a sign-out ends.
    LoginId, "login id"
}
name! {
    /// An invitation link of a group. Names it; its secret token is another thing.
    LinkId, "link id"
}

impl LoginId {
    /// A login that another issuer keeps, by its `sid` claim; no login of ours is called so.
    pub fn kept_elsewhere(sid: &str) -> Result<Self, IdError> {
        Self::parse(&format!("{ELSEWHERE}{sid}"))
    }

    /// Whether it is one of those that this server keeps.
    pub fn is_kept_here(&self) -> bool {
        !self.0.starts_with(ELSEWHERE)
    }
}

impl DeviceId {
    /// The device of a client that named none.
    pub fn unnamed() -> Self {
        Self(EcoString::inline("default"))
    }

    /// What kind of device it is: `phone` of `phone-3f2a`.
    pub fn kind(&self) -> Self {
        let kind = self.0.split('-').next().unwrap_or_default();
        Self::parse(kind).unwrap_or_else(|_| self.clone())
    }
}
