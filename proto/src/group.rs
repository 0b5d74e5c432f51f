//! What a group can be told to be: its profile and its rules, as commands carry them.

use crate::{LinkId, Timestamp, limits, wire};

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// Says things.
    Member = 0,
    /// Also keeps the group and its members in order.
    Admin = 1,
    /// Everything; one for each group.
    Owner = 2,
}

/// How one becomes a member by oneself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum JoinPolicy {
    /// Whoever knows the group's id.
    #[default]
    Open = 0,
    /// By a request that owner or admins approve.
    Request = 1,
    /// By invitation, or by a link.
    Invitation = 2,
}

/// What a new member may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum History {
    /// Everything, from the first entry.
    Whole = 0,
    /// Only from the entry that records the joining.
    FromJoining = 1,
}

/// Of a live room, whose members are nobody and whose visitors are stored nowhere: what it keeps of what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Room {
    /// A log, as every group.
    WithHistory = 0,
    /// Nothing.
    WithoutHistory = 1,
}

/// What shall change of a group; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupEdit {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// At most 500 characters; empty for none.
    pub description: Option<String>,
    /// At most 2,000 characters; empty for none.
    pub announcement: Option<String>,
    /// The id of a file or a URL, at most 255 characters; empty for none.
    pub avatar: Option<String>,
    /// Custom attributes to set, by name; an empty value removes one.
    pub attributes: Vec<(String, String)>,
    /// How one becomes a member.
    pub join: Option<JoinPolicy>,
    /// What a new member may read.
    pub history: Option<History>,
    /// Only owner, admins and services may send.
    pub read_only: Option<bool>,
    /// The most members; 0 for what is configured.
    pub members_max: Option<u32>,
    /// It is a live room. Only of a new one.
    pub room: Option<Room>,
}

/// A link to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// Names it.
    pub link: LinkId,
    /// Of its secret token.
    pub token: TokenHash,
    /// When it ends.
    pub expires: Timestamp,
    /// How many may join through it; 0 for any number.
    pub uses_max: u32,
}

/// The SHA-256 of a link's secret token. Whoever has the token can show it; whoever has this cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit =
                |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            *byte = digit(0)? << 4 | digit(1)?;
        }
        Some(Self(bytes))
    }
}

impl std::fmt::Display for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl GroupEdit {
    /// Whether it names nothing at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether each value is within its limit. The error says what is allowed.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_longer =
            |text: &Option<String>, max| text.as_ref().is_some_and(|text| text.chars().count() > max);
        if self.name.as_ref().is_some_and(String::is_empty)
            || is_longer(&self.name, limits::GROUP_NAME_CHARS_MAX)
        {
            return Err("name: a group's name has 1 to 100 characters");
        }
        if is_longer(&self.description, limits::GROUP_DESCRIPTION_CHARS_MAX) {
            return Err("description: at most 500 characters are allowed");
        }
        if is_longer(&self.announcement, limits::GROUP_ANNOUNCEMENT_CHARS_MAX) {
            return Err("announcement: at most 2,000 characters are allowed");
        }
        if is_longer(&self.avatar, limits::GROUP_AVATAR_CHARS_MAX) {
            return Err("avatar: at most 255 characters are allowed");
        }
        if self.members_max.is_some_and(|max| max as usize > limits::GROUP_MEMBERS_MAX) {
            return Err("members_max: at most 1,000,000 are allowed");
        }
        check_attributes(&self.attributes)
    }

    /// For an envelope or an entry.
    pub fn to_wire(&self) -> wire::GroupEdited {
        let attribute =
            |(name, value): &(String, String)| wire::Attribute { name: name.clone(), value: value.clone() };
        wire::GroupEdited {
            name: self.name.clone(),
            description: self.description.clone(),
            announcement: self.announcement.clone(),
            avatar: self.avatar.clone(),
            attributes: self.attributes.iter().map(attribute).collect(),
            join: self.join.map(|join| wire::group_edited::Join::from(join).into()),
            history: self.history.map(|history| wire::group_edited::History::from(history).into()),
            read_only: self.read_only,
            members_max: self.members_max,
            room: self.room.map(|room| wire::group_edited::Room::from(room).into()),
        }
    }

    /// From an envelope or an entry. What this version does not know stays as it is.
    pub fn from_wire(wire: wire::GroupEdited) -> Self {
        let join = wire.join.and_then(|join| wire::group_edited::Join::try_from(join).ok());
        let history = wire.history.and_then(|history| wire::group_edited::History::try_from(history).ok());
        let room = wire.room.and_then(|room| wire::group_edited::Room::try_from(room).ok());
        Self {
            name: wire.name,
            description: wire.description,
            announcement: wire.announcement,
            avatar: wire.avatar,
            attributes: wire.attributes.into_iter().map(|one| (one.name, one.value)).collect(),
            join: join.map(JoinPolicy::from),
            history: history.map(History::from),
            read_only: wire.read_only,
            members_max: wire.members_max,
            room: room.map(Room::from),
        }
    }
}

fn check_attributes(attributes: &[(String, String)]) -> Result<(), &'static str> {
    if attributes.len() > limits::GROUP_ATTRIBUTES_MAX {
        return Err("attributes: at most 32 are allowed");
    }
    let names = attributes.iter().map(|(name, _)| name.chars().count());
    if names.into_iter().any(|chars| chars == 0 || chars > limits::GROUP_ATTRIBUTE_NAME_CHARS_MAX) {
        return Err("attributes: a name has 1 to 64 characters");
    }
    let bytes: usize = attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > limits::GROUP_ATTRIBUTES_BYTES_MAX {
        return Err("attributes: at most 8,192 bytes are allowed for all");
    }
    Ok(())
}

macro_rules! same_names {
    ($own:ident, $wire:path, $($variant:ident),+) => {
        impl From<$own> for $wire {
            fn from(own: $own) -> Self {
                match own { $($own::$variant => Self::$variant,)+ }
            }
        }

        impl From<$wire> for $own {
            fn from(wire: $wire) -> Self {
                use $wire as Wire;
                match wire { $(Wire::$variant => Self::$variant,)+ }
            }
        }

        impl $own {
            /// The value with this number, as stores write it.
            pub fn from_number(number: u64) -> Option<Self> {
                [$(Self::$variant),+].into_iter().find(|own| *own as u64 == number)
            }
        }
    };
}

same_names!(Role, wire::role_set::Role, Member, Admin, Owner);
same_names!(JoinPolicy, wire::group_edited::Join, Open, Request, Invitation);
same_names!(History, wire::group_edited::History, Whole, FromJoining);
same_names!(Room, wire::group_edited::Room, WithHistory, WithoutHistory);

#[cfg(test)]
mod tests {
    use super::*;

    fn edit() -> GroupEdit {
        GroupEdit::default()
    }

    #[test]
    fn limits_count_characters_and_name_the_field() {
        let long = |count| Some("ü".repeat(count));
        assert!(
            GroupEdit { name: long(100), description: long(500), avatar: long(255), ..edit() }
                .check()
                .is_ok()
        );
        let wrong = [
            ("name", GroupEdit { name: long(101), ..edit() }),
            ("name", GroupEdit { name: long(0), ..edit() }),
            ("description", GroupEdit { description: long(501), ..edit() }),
            ("announcement", GroupEdit { announcement: long(2_001), ..edit() }),
            ("avatar", GroupEdit { avatar: long(256), ..edit() }),
            ("members_max", GroupEdit { members_max: Some(1_000_001), ..edit() }),
            ("attributes", GroupEdit { attributes: vec![(String::new(), "x".into())], ..edit() }),
            ("attributes", GroupEdit { attributes: vec![("a".into(), "x".repeat(8_192))], ..edit() }),
            ("attributes", GroupEdit { attributes: vec![("a".into(), "x".into()); 33], ..edit() }),
        ];
        for (field, edit) in wrong {
            assert!(edit.check().unwrap_err().starts_with(field), "{field}");
        }
    }

    #[test]
    fn a_token_hash_is_64_digits() {
        let hash = TokenHash(std::array::from_fn(|at| u8::try_from(at * 7).unwrap()));
        assert_eq!(TokenHash::parse(&hash.to_string()), Some(hash));
        assert_eq!(TokenHash::parse(&hash.to_string()[1..]), None);
        assert_eq!(TokenHash::parse(&"g".repeat(64)), None);
    }
}
