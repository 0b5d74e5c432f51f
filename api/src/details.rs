//! What people say of themselves: what it may be, and how it is shown to them and to others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use store::{AccountDetails, AccountField, PresenceAudience};
use utoipa::ToSchema;

use crate::problem::Problem;

/// Characters of an avatar, at most.
const AVATAR_CHARS_MAX: usize = 512;
/// Characters of a phone number, at most.
const PHONE_CHARS_MAX: usize = 32;
/// Fields of an account, characters of their names and of what they say, at most.
const FIELDS_MAX: usize = 32;
const FIELD_NAME_CHARS_MAX: usize = 32;
const FIELD_CHARS_MAX: usize = 512;

/// Something that an application keeps of a user.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[schema(as = ProfileField)]
pub(crate) struct FieldBody {
    /// At most 512 characters.
    #[schema(example = "blue")]
    value: String,
    /// Others see it.
    #[serde(default)]
    public: bool,
}

/// Who sees whether one is there, and when last.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PresenceAudience, example = "contacts")]
pub(crate) enum Audience {
    /// Everybody.
    Everyone,
    /// Friends.
    Contacts,
    /// Only oneself.
    Nobody,
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangeDetails {
    /// A picture, as clients understand it, at most 512 characters; an empty text takes it away.
    #[schema(example = "https://cdn.example.org/alice.png")]
    avatar: Option<String>,
    /// At most 32 characters; an empty text takes it away.
    #[schema(example = "+49 30 901820")]
    phone: Option<String>,
    /// At most 32 in all; names of 1 to 32 characters from `a-z 0-9 _`. `null` takes one away, those that are absent stay.
    #[schema(value_type = Option<Object>, example = json!({"team": {"value": "blue", "public": true}, "shoe_size": null}))]
    fields: Option<BTreeMap<String, Option<FieldBody>>>,
    /// Who sees whether one is there.
    presence: Option<Audience>,
}

impl ChangeDetails {
    /// Whether it says who sees whether one is there.
    pub(crate) fn says_audience(&self) -> bool {
        self.presence.is_some()
    }

    /// Changes them, or none.
    pub(crate) fn apply(&self, details: &mut AccountDetails) -> Result<(), Problem> {
        if let Some(avatar) = &self.avatar {
            details.avatar = text("avatar", avatar, AVATAR_CHARS_MAX)?;
        }
        if let Some(phone) = &self.phone {
            details.phone = self::phone(phone)?;
        }
        if let Some(presence) = self.presence {
            details.presence = presence.into();
        }
        for (name, field) in self.fields.iter().flatten() {
            let at = details.fields.binary_search_by(|stored| stored.name.cmp(name));
            match (field, at) {
                (None, Ok(at)) => drop(details.fields.remove(at)),
                (None, Err(_)) => {}
                (Some(field), at) => {
                    let field = checked(name, field)?;
                    match at {
                        Ok(at) => details.fields[at] = field,
                        Err(at) => details.fields.insert(at, field),
                    }
                }
            }
        }
        if details.fields.len() > FIELDS_MAX {
            return Err(Problem::field("fields", format!("at most {FIELDS_MAX}")));
        }
        Ok(())
    }
}

/// All fields, as their user sees them.
pub(crate) fn all_fields(details: &AccountDetails) -> BTreeMap<String, FieldBody> {
    let field = |field: &AccountField| {
        (field.name.clone(), FieldBody { value: field.value.clone(), public: field.public })
    };
    details.fields.iter().map(field).collect()
}

/// What others see of them.
pub(crate) fn public_fields(details: &AccountDetails) -> BTreeMap<String, String> {
    let public = details.fields.iter().filter(|field| field.public);
    public.map(|field| (field.name.clone(), field.value.clone())).collect()
}

impl From<Audience> for PresenceAudience {
    fn from(audience: Audience) -> Self {
        match audience {
            Audience::Everyone => Self::Everyone,
            Audience::Contacts => Self::Contacts,
            Audience::Nobody => Self::Nobody,
        }
    }
}

impl From<PresenceAudience> for Audience {
    fn from(audience: PresenceAudience) -> Self {
        match audience {
            PresenceAudience::Everyone => Self::Everyone,
            PresenceAudience::Contacts => Self::Contacts,
            PresenceAudience::Nobody => Self::Nobody,
        }
    }
}

fn text(field: &str, text: &str, chars_max: usize) -> Result<String, Problem> {
    let text = text.trim();
    if text.chars().count() > chars_max || text.chars().any(char::is_control) {
        let allowed = format!("at most {chars_max} characters, none of them control characters");
        return Err(Problem::field(field, allowed));
    }
    Ok(text.to_owned())
}

/// Looks only at the outline: who answers is known when it rings.
fn phone(number: &str) -> Result<String, Problem> {
    let number = text("phone", number, PHONE_CHARS_MAX)?;
    let plausible = number.chars().all(|c| c.is_ascii_digit() || "+-()./ ".contains(c));
    if plausible { Ok(number) } else { Err(Problem::field("phone", "not a phone number")) }
}

fn checked(name: &str, field: &FieldBody) -> Result<AccountField, Problem> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > FIELD_NAME_CHARS_MAX || !name.chars().all(is_allowed) {
        return Err(Problem::field("fields", "a name has 1 to 32 characters from a-z 0-9 _"));
    }
    let value = text(&format!("fields.{name}"), &field.value, FIELD_CHARS_MAX)?;
    Ok(AccountField { name: name.to_owned(), value, public: field.public })
}
