//! What people say of themselves beside their name.

use crate::engine::{Reader, Writer};
use crate::{Relation, StoreError};

/// See the module. Which of it others see is theirs to decide who show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountDetails {
    /// A picture, as clients understand it; empty for none.
    pub avatar: String,
    /// Where to call; empty for none.
    pub phone: String,
    /// Whatever an application keeps of its users, in order of names.
    pub fields: Vec<AccountField>,
    /// Who sees whether the user is there.
    pub presence: PresenceAudience,
}

/// Something that an application keeps of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountField {
    /// Its name, once in an account.
    pub name: String,
    /// What it says.
    pub value: String,
    /// Others see it.
    pub public: bool,
}

/// Who sees whether a user is there, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PresenceAudience {
    /// Everybody who may ask.
    #[default]
    Everyone = 0,
    /// Friends.
    Contacts = 1,
    /// Only the user.
    Nobody = 2,
}

impl PresenceAudience {
    /// Whether a user with this audience is shown to another, who has this row of the user.
    pub fn shows(self, row: Option<&Relation>) -> bool {
        let is_friend = row.is_some_and(Relation::is_friendship);
        !row.is_some_and(|row| row.blocked_by)
            && match self {
                Self::Everyone => true,
                Self::Contacts => is_friend,
                Self::Nobody => false,
            }
    }
}

/// Writes it behind what accounts of old have.
pub(crate) fn encode_details(details: &AccountDetails, to: &mut Writer) {
    to.text(&details.avatar).text(&details.phone).number(details.presence as u64);
    to.number(details.fields.len() as u64);
    for field in &details.fields {
        to.text(&field.name).text(&field.value).flag(field.public);
    }
}

/// Reads what [`encode_details`] wrote, or nothing.
pub(crate) fn decode_details(value: &mut Reader) -> Result<AccountDetails, StoreError> {
    if value.is_at_end() {
        return Ok(AccountDetails::default());
    }
    let (avatar, phone) = (value.text()?, value.text()?);
    let presence = match value.number()? {
        0 => PresenceAudience::Everyone,
        1 => PresenceAudience::Contacts,
        2 => PresenceAudience::Nobody,
        _ => return Err(value.corrupt()),
    };
    let count: usize = value.small()?;
    // Grown as it is read: the number itself is not trusted.
    let mut fields = Vec::new();
    for _ in 0..count {
        fields.push(AccountField { name: value.text()?, value: value.text()?, public: value.flag()? });
    }
    Ok(AccountDetails { avatar, phone, fields, presence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_of_old_has_no_details_and_cut_ones_are_corrupt() {
        let read = |bytes| decode_details(&mut Reader::new("account", bytes));
        assert_eq!(read(bytes::Bytes::new()).unwrap(), AccountDetails::default());
        let field = AccountField { name: "team".to_owned(), value: "blue".to_owned(), public: true };
        let details = AccountDetails {
            avatar: "a".to_owned(),
            fields: vec![field],
            presence: PresenceAudience::Nobody,
            ..AccountDetails::default()
        };
        let mut written = Writer::default();
        encode_details(&details, &mut written);
        let whole = written.finish();
        assert_eq!(read(whole.clone()).unwrap(), details);
        for length in 1..whole.len() {
            assert!(read(whole.slice(..length)).is_err(), "{length}");
        }
    }
}
