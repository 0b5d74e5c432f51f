//! What services may do: the words of a token's `scope` claim that mean something here.

/// One thing that a service may do. A token that has one of them is a service's, and does what they say and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// All that follows, and whatever a user does, as the user of the token.
    Server,
    /// Look users up, and search them without a limit of searches.
    UsersRead,
    /// Make accounts, disable and enable them.
    UsersWrite,
    /// Log users out, which closes their sockets.
    SessionsEnd,
    /// Send messages and notices, change and recall them, in the name of any user.
    MessagesSend,
    /// Make groups for any user, see and change every group.
    GroupsManage,
    /// See who is online, whomever the user shows it.
    PresenceRead,
    /// Make live rooms for any user, change and end every one.
    RoomsManage,
    /// See what two users are to each other.
    ContactsRead,
}

impl Scope {
    /// Each of them.
    pub const ALL: [Self; 9] = [
        Self::Server,
        Self::UsersRead,
        Self::UsersWrite,
        Self::SessionsEnd,
        Self::MessagesSend,
        Self::GroupsManage,
        Self::PresenceRead,
        Self::RoomsManage,
        Self::ContactsRead,
    ];

    /// The word of the `scope` claim.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::SessionsEnd => "sessions:end",
            Self::MessagesSend => "messages:send",
            Self::GroupsManage => "groups:manage",
            Self::PresenceRead => "presence:read",
            Self::RoomsManage => "rooms:manage",
            Self::ContactsRead => "contacts:read",
        }
    }

    /// What it lets a service do, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Server => "all of the others, and what a user does, as the user of the token",
            Self::UsersRead => "look users up, and search them as often as needed",
            Self::UsersWrite => "make accounts, disable and enable them",
            Self::SessionsEnd => "log users out everywhere, which closes their sockets",
            Self::MessagesSend => {
                "send, change and recall messages in the name of any user, and send notices"
            }
            Self::GroupsManage => "make groups for any user, see and change every group",
            Self::PresenceRead => "see who is online, whomever the users show it",
            Self::RoomsManage => "make live rooms for any user, change and end every one",
            Self::ContactsRead => "see whether two users are friends, and whether one blocks the other",
        }
    }

    /// The scope of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == word)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
