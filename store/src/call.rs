//! What is being asked of an engine, for fault plans, metrics and messages.

use proto::{ConversationId, Partition};

use crate::IncarnationId;

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// The kinds of calls.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "each is the Store method of that name")]
        pub enum Op { $($(#[$doc])* $name,)+ }

        impl Op {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The method's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

ops! {
    Announce = "announce",
    Fence = "fence",
    Owner = "owner",
    Owners = "owners",
    Claim = "claim",
    Release = "release",
    Register = "register",
    MoveRegister = "move_register",
    WriteIndex = "write_index",
    Index = "index",
    Append = "append",
    Verify = "verify",
    BucketRows = "bucket_rows",
    BucketTail = "bucket_tail",
    Dedupe = "dedupe",
    Page = "page",
    SeqAt = "seq_at",
    DropRows = "drop_rows",
    DropIndex = "drop_index",
    Touched = "touched",
    ClearTouched = "clear_touched",
    Group = "group",
    Member = "member",
    Members = "members",
    GroupsOf = "groups_of",
    ApplyGroup = "apply_group",
    AdvanceCursor = "advance_cursor",
    Cursors = "cursors",
    WriteProjection = "write_projection",
    Heads = "heads",
    HeadsAfter = "heads_after",
    WriteOverlays = "write_overlays",
    Overlays = "overlays",
    WriteConfirmations = "write_confirmations",
    Confirmations = "confirmations",
    WriteMentions = "write_mentions",
    CountMentions = "count_mentions",
    EditSettings = "edit_settings",
    Settings = "settings",
    ChangedSettings = "changed_settings",
    Inbox = "inbox",
    ApplyRelation = "apply_relation",
    Relations = "relations",
    CreateAccount = "create_account",
    Account = "account",
    UpdateAccount = "update_account",
    CreateLogin = "create_login",
    RotateLogin = "rotate_login",
    EndLogin = "end_login",
    Logins = "logins",
    LeaseWorker = "lease_worker",
    RenewWorker = "renew_worker",
    ReleaseWorker = "release_worker",
}

/// One call: its kind and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What is asked.
    pub op: Op,
    /// The conversation it concerns, if one.
    pub conversation: Option<ConversationId>,
    /// The partition it concerns, if one.
    pub partition: Option<Partition>,
    /// The incarnation it names, if one.
    pub incarnation: Option<IncarnationId>,
}

impl Call {
    /// A call that concerns nothing in particular.
    pub(crate) fn new(op: Op) -> Self {
        Self { op, conversation: None, partition: None, incarnation: None }
    }

    /// A call about a conversation.
    pub(crate) fn on(op: Op, conversation: &ConversationId) -> Self {
        Self {
            partition: Some(Partition::of(conversation)),
            conversation: Some(conversation.clone()),
            ..Self::new(op)
        }
    }

    /// A call about a partition.
    pub(crate) fn at(op: Op, partition: Partition) -> Self {
        Self { partition: Some(partition), ..Self::new(op) }
    }

    /// Naming an incarnation.
    pub(crate) fn of(mut self, incarnation: IncarnationId) -> Self {
        self.incarnation = Some(incarnation);
        self
    }
}
