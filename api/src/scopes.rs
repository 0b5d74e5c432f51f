//! What services may do, and by which scope: one table, held to by [`crate::caller::Caller`] and shown by the document.
//!
//! **Guarantees.** A token with scopes reaches only what they say: an operation that is not here is for users, and for services
//! with the scope `server`. Every refusal names the scope that is missing.

use auth::{Identity, Scope};
use http::Method;
use proto::Code;

use crate::problem::Problem;

/// Whose an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Of users alone.
    Users,
    /// Of users, and of services with the scope, who may do more.
    Both(Scope),
    /// Of services with the scope alone.
    Services(Scope),
}

impl Access {
    /// To an operation, by its method and the pattern of its path.
    pub(crate) fn to(method: &Method, path: &str) -> Self {
        match path {
            "/api/v1/server/users" | "/api/v1/server/users/{user_id}" => Self::Services(Scope::UsersWrite),
            "/api/v1/server/users/{user_id}/sessions" => Self::Services(Scope::SessionsEnd),
            "/api/v1/server/users/{user_id}/relations/{peer}" => Self::Services(Scope::ContactsRead),
            "/api/v1/users" | "/api/v1/users/search" | "/api/v1/users/{user_id}" if method == Method::GET => {
                Self::Both(Scope::UsersRead)
            }
            "/api/v1/presence" | "/api/v1/users/{user_id}/presence" => Self::Both(Scope::PresenceRead),
            // By what they begin with, so that what is added to them is for the same services.
            path if is_below(path, "/api/v1/groups") => Self::Both(Scope::GroupsManage),
            path if is_below(path, "/api/v1/rooms") => Self::Both(Scope::RoomsManage),
            path if is_below(path, "/api/v1/broadcasts") => Self::Services(Scope::MessagesSend),
            path if is_below(path, "/api/v1/messages") => Self::Both(Scope::MessagesSend),
            _ => Self::Users,
        }
    }

    /// Lets those in whose it is.
    pub(crate) fn check(self, identity: &Identity) -> Result<(), Problem> {
        match self {
            Self::Users if !identity.is_user() => Err(missing(Scope::Server)),
            Self::Both(scope) if identity.is_service() && !identity.may(scope) => Err(missing(scope)),
            Self::Services(scope) if !identity.may(scope) => Err(missing(scope)),
            Self::Users | Self::Both(_) | Self::Services(_) => Ok(()),
        }
    }
}

/// The refusal of somebody without this scope.
pub(crate) fn missing(scope: Scope) -> Problem {
    Problem::new(Code::Forbidden, format!("this needs a token with the scope `{scope}`"))
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
