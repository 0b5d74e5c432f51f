//! Every number that says "no": codes of refused commands and close codes of sockets, each with its meaning, whether
//! a retry can help, and advice. Retired numbers stay retired.

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $number:literal, $text:literal, temporary: $temporary:literal, $meaning:literal, $advice:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum $name {
            $(#[doc = $meaning] $variant = $number,)+
        }

        impl $name {
            /// Every code, in rising number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its number.
            pub const fn number(self) -> u16 {
                self as u16
            }

            /// The code with this number.
            pub fn from_number(number: u16) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.number() == number)
            }

            /// Its name as documentation and problem details spell it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Whether the same thing may work later.
            pub const fn temporary(self) -> bool {
                match self { $(Self::$variant => $temporary,)+ }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }

            /// What to do.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)+ }
            }
        }
    };
}

codes! {
    /// Why a command was refused: `nack.code` on the socket, `code` in HTTP problem details.
    Code {
        BadFrame = 1000, "BAD_FRAME", temporary: false, "The bytes are not a known frame.", "Fix the client; the message says what was wrong.";
        BadField = 1001, "BAD_FIELD", temporary: false, "A field has a value that is not allowed.", "Fix the named field.";
        TooLarge = 1002, "TOO_LARGE", temporary: false, "The body or frame is larger than `welcome.limits` allows.", "Send less, or a file.";
        Unauthenticated = 1100, "UNAUTHENTICATED", temporary: false, "No valid proof of identity.", "Get a fresh token and connect again.";
        Forbidden = 1101, "FORBIDDEN", temporary: false, "The user may not do this here.", "Ask an owner or admin of the conversation.";
        BadCredentials = 1102, "BAD_CREDENTIALS", temporary: false, "Wrong username or password.", "Try again with the right ones.";
        Blocked = 1103, "BLOCKED", temporary: false, "One of the two users blocks the other.", "Unblock the other; if it is the other who blocks, nothing helps.";
        NotFriends = 1104, "NOT_FRIENDS", temporary: false, "Direct messages need a friendship here.", "Ask to become friends.";
        NotFound = 1200, "NOT_FOUND", temporary: false, "There is no such thing, or the user may not know of it.", "Check the id.";
        Conflict = 1201, "CONFLICT", temporary: false, "The name is taken, or the state already changed.", "Choose another name or read the state again.";
        GroupFull = 1202, "GROUP_FULL", temporary: false, "The group has as many members as it may have.", "Remove members or raise the limit.";
        OwnerMustStay = 1203, "OWNER_MUST_STAY", temporary: false, "The owner cannot leave the group.", "Hand it over or dismiss it.";
        Dismissed = 1204, "DISMISSED", temporary: false, "The group was dismissed.", "Leave it; its history stays readable.";
        Muted = 1205, "MUTED", temporary: true, "The user may not speak in this group for a while.", "Try again after `retry_after_ms`.";
        ReadOnly = 1206, "READ_ONLY", temporary: false, "Only the owner, admins and services send in this group.", "Read.";
        JoinClosed = 1207, "JOIN_CLOSED", temporary: false, "The group is not joined this way, or the invitation or link has ended.", "Ask to join, or ask for an invitation.";
        TooMany = 1208, "TOO_MANY", temporary: false, "There are as many of these as there may be.", "Remove some first.";
        PredecessorMissing = 1300, "PREDECESSOR_MISSING", temporary: true, "The send named in `after` is not stored.", "Send that one again first, then this.";
        RecallTooLate = 1301, "RECALL_TOO_LATE", temporary: false, "The message is too old to be recalled by its sender.", "Ask an owner or admin of the group.";
        EditTooLate = 1302, "EDIT_TOO_LATE", temporary: false, "The message is too old to be edited.", "Send another one.";
        Recalled = 1303, "RECALLED", temporary: false, "The message was recalled.", "Nothing: it is gone.";
        Expired = 1304, "EXPIRED", temporary: false, "The message has expired.", "Nothing: it is gone.";
        Unconfirmed = 1305, "UNCONFIRMED", temporary: false, "As many messages of the conversation wait to be confirmed as may.", "Wait for confirmations, or recall one of them.";
        Busy = 1400, "BUSY", temporary: true, "The server has more work than it takes on.", "Try again after `retry_after_ms`.";
        Rate = 1401, "RATE", temporary: true, "Too many commands from this client.", "Slow down; try again after `retry_after_ms`.";
        Unavailable = 1402, "UNAVAILABLE", temporary: true, "A part that is needed is away.", "Try again after `retry_after_ms`; nothing is lost.";
        Late = 1403, "LATE", temporary: true, "The command waited past its deadline and was not carried out.", "Send it again with the same client_message_id.";
        Internal = 1500, "INTERNAL", temporary: true, "The server failed in a way it should not.", "Try again; report it if it stays.";
    }
}

codes! {
    /// Why a socket was closed (RFC 6455 §7.4).
    CloseCode {
        Normal = 1000, "NORMAL", temporary: false, "The client said goodbye.", "Nothing.";
        Protocol = 1002, "PROTOCOL", temporary: false, "The peer broke RFC 6455.", "Fix the client.";
        Unsupported = 1003, "UNSUPPORTED", temporary: false, "Binary where text was agreed, or the reverse.", "Match the subprotocol.";
        InvalidData = 1007, "INVALID_DATA", temporary: false, "Text that is not UTF-8, or too many frames that do not parse.", "Fix the client.";
        TooBig = 1009, "TOO_BIG", temporary: false, "A message larger than `welcome.limits.frame_bytes`.", "Send less.";
        Restart = 1012, "RESTART", temporary: true, "The server restarts.", "Reconnect after the `goaway` delay.";
        Overload = 1013, "OVERLOAD", temporary: true, "The server has no room.", "Reconnect with a random delay.";
        Auth = 4401, "AUTH", temporary: false, "No valid token in time, or the token ended or was revoked.", "Get a fresh token.";
        Forbidden = 4403, "FORBIDDEN", temporary: false, "This user may not connect.", "Ask the operator.";
        Slow = 4408, "SLOW", temporary: true, "The client did not read, or did not answer pings.", "Reconnect and sync.";
        Replaced = 4409, "REPLACED", temporary: false, "A newer login took this one's place.", "Do not reconnect by yourself.";
        Rate = 4429, "RATE", temporary: true, "Too many commands, in spite of refusals.", "Reconnect later and slow down.";
    }
}
