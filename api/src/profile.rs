//! What an account may be called, and what is shown of it.

use std::collections::BTreeMap;

use proto::UserId;
use serde::Serialize;
use store::Account;
use utoipa::ToSchema;

use crate::details::{Audience, FieldBody, all_fields, public_fields};
use crate::numbers::Wide;
use crate::problem::Problem;

/// Characters of a nickname, at most.
const NICKNAME_CHARS_MAX: usize = 64;
/// Characters of an e-mail address, at most (RFC 5321 §4.5.3.1.3).
const EMAIL_CHARS_MAX: usize = 254;

/// Oneself. Users of another issuer have no account here: then all but `user_id` is `null`.
#[derive(Serialize, ToSchema)]
#[schema(as = Me)]
pub(crate) struct Me {
    /// The `sub` of one's tokens.
    #[schema(example = "231894619234304")]
    user_id: String,
    /// What one logs in with.
    #[schema(example = "alice")]
    username: Option<String>,
    /// What others see.
    #[schema(example = "Alice")]
    nickname: Option<String>,
    /// Only oneself sees it.
    #[schema(example = "alice@example.org")]
    email: Option<String>,
    /// Others see it; an empty text is none.
    #[schema(example = "https://cdn.example.org/alice.png")]
    avatar: Option<String>,
    /// Only oneself sees it; an empty text is none.
    #[schema(example = "+49 30 901820")]
    phone: Option<String>,
    /// What an application keeps; others see those that are public.
    #[schema(value_type = Option<Object>, example = json!({"team": {"value": "blue", "public": true}}))]
    fields: Option<BTreeMap<String, FieldBody>>,
    /// Who sees whether one is there.
    presence: Option<Audience>,
    /// Unix milliseconds.
    #[schema(value_type = Option<String>, example = "1790000000000")]
    created_at: Option<Wide>,
}

/// What others see of a user.
#[derive(Serialize, ToSchema)]
#[schema(as = Profile)]
pub(crate) struct Profile {
    /// Where to send.
    #[schema(example = "231894619234304")]
    user_id: String,
    /// What the user logs in with.
    #[schema(example = "alice")]
    username: String,
    /// What to show.
    #[schema(example = "Alice")]
    nickname: String,
    /// A picture, as clients understand it; an empty text is none.
    #[schema(example = "https://cdn.example.org/alice.png")]
    avatar: String,
    /// What an application shows of its users.
    #[schema(value_type = Object, example = json!({"team": "blue"}))]
    fields: BTreeMap<String, String>,
}

impl Me {
    pub(crate) fn of(user: &UserId, account: Option<Account>) -> Self {
        let user_id = user.to_string();
        match account {
            None => Self {
                user_id,
                username: None,
                nickname: None,
                email: None,
                avatar: None,
                phone: None,
                fields: None,
                presence: None,
                created_at: None,
            },
            Some(account) => Self {
                user_id,
                username: Some(account.username),
                nickname: Some(account.nickname),
                email: account.email,
                fields: Some(all_fields(&account.details)),
                presence: Some(account.details.presence.into()),
                avatar: Some(account.details.avatar),
                phone: Some(account.details.phone),
                created_at: Some(Wide(account.created.0)),
            },
        }
    }
}

impl From<Account> for Profile {
    fn from(account: Account) -> Self {
        Self {
            user_id: account.user.to_string(),
            username: account.username,
            nickname: account.nickname,
            fields: public_fields(&account.details),
            avatar: account.details.avatar,
        }
    }
}

/// The form in which usernames are compared and stored: any capitals are the same name.
pub(crate) fn username(text: &str) -> Result<String, Problem> {
    // The alphabet of user ids serves: it holds e-mail addresses, and nothing that looks like something else.
    UserId::parse(text)
        .map(|name| name.as_str().to_ascii_lowercase())
        .map_err(|error| Problem::field("username", error.to_string().replacen("user id", "username", 1)))
}

pub(crate) fn nickname(text: &str) -> Result<String, Problem> {
    let nickname = text.trim();
    let chars = nickname.chars().count();
    if chars == 0 || chars > NICKNAME_CHARS_MAX || nickname.chars().any(char::is_control) {
        let allowed =
            format!("a nickname has 1 to {NICKNAME_CHARS_MAX} characters, none of them control characters");
        return Err(Problem::field("nickname", allowed));
    }
    Ok(nickname.to_owned())
}

/// Looks only at the outline: whether mail arrives is known when mail arrives.
pub(crate) fn email(text: &str) -> Result<String, Problem> {
    let email = text.trim();
    let plausible =
        email.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
            && email.chars().count() <= EMAIL_CHARS_MAX
            && !email.chars().any(|c| c.is_control() || c.is_whitespace());
    if plausible { Ok(email.to_owned()) } else { Err(Problem::field("email", "not an e-mail address")) }
}

#[cfg(test)]
mod tests {
    use super::{email, nickname, username};

    #[test]
    fn names_are_checked_and_folded() {
        assert_eq!(username("Alice@Example.org").unwrap(), "alice@example.org");
        for text in ["", "two words", "älice", &"a".repeat(65)] {
            assert!(username(text).is_err(), "{text:?}");
        }
        assert_eq!(nickname(" Älice 🐙 ").unwrap(), "Älice 🐙");
        for text in ["", "   ", "a\nb", &"a".repeat(65)] {
            assert!(nickname(text).is_err(), "{text:?}");
        }
        assert_eq!(email("a@b").unwrap(), "a@b");
        for text in ["", "@", "a@", "@b", "a b@c", "ab"] {
            assert!(email(text).is_err(), "{text:?}");
        }
    }
}
