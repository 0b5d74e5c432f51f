//! What a process does: its roles. Without a word it has all of them.

use std::fmt;

use clap::ValueEnum;

/// One role of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Holds sockets.
    Gateway,
    /// Decides: owns conversations, appends to their logs.
    Router,
    /// Serves the HTTP API and the page.
    Api,
}

/// The roles of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) gateway: bool,
    pub(crate) router: bool,
    pub(crate) api: bool,
}

impl Roles {
    /// Everything in one process.
    pub(crate) const ALL: Self = Self { gateway: true, router: true, api: true };

    /// Those named; all of them when none is.
    pub(crate) fn of(named: &[Role]) -> Self {
        if named.is_empty() {
            return Self::ALL;
        }
        let has = |role| named.contains(&role);
        Self { gateway: has(Role::Gateway), router: has(Role::Router), api: has(Role::Api) }
    }

    /// Whether nothing of a server is left to other processes.
    pub(crate) fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Whether it reads or writes what is kept.
    pub(crate) fn needs_store(self) -> bool {
        self.router || self.api
    }

    /// Whether clients come to this process.
    pub(crate) fn has_front(self) -> bool {
        self.gateway || self.api
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [(self.gateway, "gateway"), (self.router, "router"), (self.api, "api")];
        let names: Vec<_> = named.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_is_every_role() {
        assert!(Roles::of(&[]).is_all());
        let two = Roles::of(&[Role::Api, Role::Router, Role::Api]);
        assert_eq!((two.to_string().as_str(), two.is_all()), ("router, api", false));
        assert!(!Roles::of(&[Role::Gateway]).needs_store() && !Roles::of(&[Role::Router]).has_front());
    }
}
