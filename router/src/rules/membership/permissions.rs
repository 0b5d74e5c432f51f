//! Who may do what in a group: one table. `docs/GROUPS.md` shows it, and each cell of it is tested.

use proto::command::Source;
use proto::group::Role;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The owner, by a client.
    Owner,
    /// An admin, by a client.
    Admin,
    /// A member, by a client.
    Member,
    /// Somebody who is not a member, by a client.
    Stranger,
    /// A trusted service, for whomever it acts.
    Service,
}

impl Who {
    /// One of the two of a direct conversation.
    pub fn of_two(source: Source) -> Self {
        if source.is_service() { Self::Service } else { Self::Member }
    }
}

impl From<Role> for Who {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Admin => Self::Admin,
            Role::Member => Self::Member,
        }
    }
}

macro_rules! permissions {
    ($($action:ident, $does:literal, [$($cell:ident)+];)+) => {
        /// What is asked for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action {
            $(#[doc = $does] $action,)+
        }

        /// The table: what is asked for, in words, and whether owner, admins, members, strangers and services may.
        pub const PERMISSIONS: &[(Action, &str, [bool; 5])] =
            &[$((Action::$action, $does, [$(permissions!(@ $cell)),+]),)+];
    };
    (@ yes) => { true };
    (@ no) => { false };
}

permissions! {
    Read, "read the history", [yes yes yes no yes];
    Send, "send", [yes yes yes no yes];
    SendInReadOnly, "send where only some may (`read_only`)", [yes yes no no yes];
    SendWhileAllMuted, "send while all are muted", [yes yes no no yes];
    SendWhileMuted, "send while muted by name", [yes no no no yes];
    MentionAll, "mention everybody", [yes yes no no yes];
    RecallOthers, "take back what others said, and what oneself said long ago", [yes yes no no yes];
    Pin, "pin messages and unpin them", [yes yes no no yes];
    SeeConfirmations, "see who has confirmed what others said", [yes yes no no yes];
    JoinOpen, "join an open group", [yes yes yes yes yes];
    JoinInvited, "join by an invitation or a link", [yes yes yes yes yes];
    JoinClosed, "join without being asked where members are approved or invited", [yes yes yes no yes];
    AskToJoin, "ask to join where members are approved", [yes yes yes yes yes];
    Leave, "leave", [no yes yes yes yes];
    Add, "add members", [yes yes no no yes];
    RemoveMember, "remove a member", [yes yes no no yes];
    RemoveAdmin, "remove an admin", [yes no no no yes];
    RemoveOwner, "remove the owner", [no no no no no];
    AnswerJoins, "approve and reject requests to join", [yes yes no no yes];
    Invite, "invite, and withdraw invitations", [yes yes no no yes];
    Decline, "decline an invitation of one's own", [yes yes yes yes yes];
    MakeLink, "make and end links", [yes yes no no yes];
    Edit, "change name, description, announcement, avatar, attributes", [yes yes no no yes];
    SetRules, "change how one joins, what new members read, and `read_only`", [yes yes no no yes];
    SetRetention, "set for how long entries are kept", [yes yes no no yes];
    SetMembersMax, "change how many members there may be", [no no no no yes];
    SetRole, "make members admins and admins members", [yes no no no yes];
    Transfer, "hand the group over", [yes no no no yes];
    MuteMember, "mute a member", [yes yes no no yes];
    MuteAdmin, "mute an admin", [yes no no no yes];
    MuteOwner, "mute the owner", [no no no no no];
    MuteAll, "mute all", [yes yes no no yes];
    NicknameOwn, "change one's own nickname", [yes yes yes no no];
    NicknameOthers, "change a member's nickname", [yes yes no no yes];
    Dismiss, "dismiss the group", [yes no no no yes];
}

/// Whether the table says so.
pub fn is_allowed(action: Action, who: Who) -> bool {
    let (_, _, cells) = PERMISSIONS[action as usize];
    cells[who as usize]
}
