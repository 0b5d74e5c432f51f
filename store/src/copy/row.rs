//! One row of a store, whatever the engine, and what to compare of it.

use std::hash::{DefaultHasher, Hasher as _};

use proto::settings::Settings;
use proto::{ClientMessageId, ConversationId, Entry, Epoch, GroupId, LoginId, Partition, Seq, UserId};

use crate::directory::{encode_confirming, encode_detail, encode_relation, encode_setting, encode_settings};
use crate::engine::Writer;
use crate::identity::{Lease, encode_details};
use crate::log::encode_entry;
use crate::{
    Account, AccountStatus, Bucket, ConfirmationRow, Cursor, GroupInfo, HeadRow, InboxRow, Login, Member,
    MentionRow, OverlayRow, Ownership, Register, Relation,
};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// An entry of a log.
    Entry { conversation: ConversationId, bucket: Bucket, epoch: Epoch, entry: Entry },
    /// That a client message id was appended.
    Dedupe { conversation: ConversationId, bucket: Bucket, id: ClientMessageId, epoch: Epoch, seq: Seq },
    /// A bucket that was left.
    Index { conversation: ConversationId, bucket: Bucket, first: Seq },
    /// What of a log counts.
    Register { conversation: ConversationId, register: Register },
    /// Who owns a partition.
    Owner { partition: Partition, ownership: Ownership },
    /// That projections may be behind.
    Touched { partition: Partition, conversation: ConversationId, upto: Seq },
    /// A member; `watermark` is that of its group, and not compared.
    Member { group: GroupId, member: Member, watermark: Seq },
    /// That a user is in a group.
    GroupOfUser { user: UserId, group: GroupId },
    /// A group.
    Group(GroupInfo),
    /// How far a user is.
    Cursor { user: UserId, conversation: ConversationId, cursor: Cursor },
    /// A conversation of a user.
    Inbox(InboxRow),
    /// The newest entry of a conversation.
    Head(HeadRow),
    /// What became of an entry.
    Overlay(OverlayRow),
    /// Who confirmed a message, as one owner knew it.
    Confirmation(ConfirmationRow),
    /// That an entry mentions somebody.
    Mention(MentionRow),
    /// What a user keeps for themselves.
    Settings { user: UserId, conversation: ConversationId, settings: Box<Settings> },
    /// An account.
    Account(Account),
    /// Who has a username.
    Username { username: String, user: UserId },
    /// Who has a nickname, as it is compared.
    Nickname { folded: String, user: UserId },
    /// A sign-in.
    Login(Login),
    /// Where a sign-in of a user is.
    LoginOfUser { user: UserId, login: LoginId },
    /// What another user is to a user.
    Relation(Relation),
    /// Who has a worker number.
    Lease { worker: u16, lease: Lease },
}

/// Kinds of rows, in the order in which they are copied and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RowKind {
    Entry,
    Dedupe,
    Index,
    Register,
    Owner,
    Touched,
    Member,
    GroupOfUser,
    Group,
    Cursor,
    Inbox,
    Head,
    Overlay,
    Confirmation,
    Mention,
    Settings,
    Account,
    Username,
    Nickname,
    Login,
    LoginOfUser,
    Lease,
    Relation,
}

impl RowKind {
    /// All of them.
    pub(crate) const ALL: [Self; 23] = [
        Self::Entry,
        Self::Dedupe,
        Self::Index,
        Self::Register,
        Self::Owner,
        Self::Touched,
        Self::Member,
        Self::GroupOfUser,
        Self::Group,
        Self::Cursor,
        Self::Inbox,
        Self::Head,
        Self::Overlay,
        Self::Confirmation,
        Self::Mention,
        Self::Settings,
        Self::Account,
        Self::Username,
        Self::Nickname,
        Self::Login,
        Self::LoginOfUser,
        Self::Lease,
        Self::Relation,
    ];

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Entry => "entries",
            Self::Dedupe => "dedupe rows",
            Self::Index => "index rows",
            Self::Register => "registers",
            Self::Owner => "partitions",
            Self::Touched => "touched marks",
            Self::Member => "members",
            Self::GroupOfUser => "groups of users",
            Self::Group => "groups",
            Self::Cursor => "cursors",
            Self::Inbox => "inbox rows",
            Self::Head => "heads",
            Self::Overlay => "overlays",
            Self::Confirmation => "confirmations",
            Self::Mention => "mentions",
            Self::Settings => "settings",
            Self::Account => "accounts",
            Self::Username => "usernames",
            Self::Nickname => "nicknames",
            Self::Login => "logins",
            Self::LoginOfUser => "logins of users",
            Self::Lease => "worker leases",
            Self::Relation => "relations",
        }
    }
}

impl Row {
    /// Its kind.
    pub(crate) fn kind(&self) -> RowKind {
        match self {
            Self::Entry { .. } => RowKind::Entry,
            Self::Dedupe { .. } => RowKind::Dedupe,
            Self::Index { .. } => RowKind::Index,
            Self::Register { .. } => RowKind::Register,
            Self::Owner { .. } => RowKind::Owner,
            Self::Touched { .. } => RowKind::Touched,
            Self::Member { .. } => RowKind::Member,
            Self::GroupOfUser { .. } => RowKind::GroupOfUser,
            Self::Group(_) => RowKind::Group,
            Self::Cursor { .. } => RowKind::Cursor,
            Self::Inbox(_) => RowKind::Inbox,
            Self::Head(_) => RowKind::Head,
            Self::Overlay(_) => RowKind::Overlay,
            Self::Confirmation(_) => RowKind::Confirmation,
            Self::Mention(_) => RowKind::Mention,
            Self::Settings { .. } => RowKind::Settings,
            Self::Account(_) => RowKind::Account,
            Self::Username { .. } => RowKind::Username,
            Self::Nickname { .. } => RowKind::Nickname,
            Self::Login(_) => RowKind::Login,
            Self::LoginOfUser { .. } => RowKind::LoginOfUser,
            Self::Lease { .. } => RowKind::Lease,
            Self::Relation(_) => RowKind::Relation,
        }
    }

    /// A hash of everything that both engines must agree on.
    pub(crate) fn hash(&self) -> u64 {
        let mut bytes = Writer::default();
        self.write_log_row(&mut bytes);
        self.write_projection_row(&mut bytes);
        self.write_identity_row(&mut bytes);
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(self.kind() as u8);
        hasher.write(bytes.written());
        hasher.finish()
    }

    fn write_log_row(&self, to: &mut Writer) {
        match self {
            Self::Entry { conversation, bucket, epoch, entry } => {
                to.text(conversation.as_str()).number(bucket.0.into()).number(epoch.0).number(entry.seq.0);
                encode_entry(entry, to);
            }
            Self::Dedupe { conversation, bucket, id, epoch, seq } => {
                to.text(conversation.as_str())
                    .number(bucket.0.into())
                    .raw(&id.0)
                    .number(epoch.0)
                    .number(seq.0);
            }
            Self::Index { conversation, bucket, first } => {
                to.text(conversation.as_str()).number(bucket.0.into()).number(first.0);
            }
            Self::Register { conversation, register } => {
                let Register { version, epoch, start, bucket, bucket_first, window, counted } = register;
                to.text(conversation.as_str()).number(*version).number(epoch.0).number(start.0);
                to.number(bucket.0.into()).number(bucket_first.0).number((*window).into()).number(*counted);
            }
            Self::Owner { partition, ownership } => {
                let owner = ownership.owner.map_or(0, |owner| owner.0);
                to.number(partition.number().into()).raw(&owner.to_be_bytes()).number(ownership.epoch.0);
            }
            Self::Touched { partition, conversation, upto } => {
                to.number(partition.number().into()).text(conversation.as_str()).number(upto.0);
            }
            _ => {}
        }
    }

    fn write_projection_row(&self, to: &mut Writer) {
        match self {
            Self::Member { group, member, watermark: _ } => {
                to.text(group.as_str()).text(member.user.as_str()).number(u64::from(member.role as u8));
                to.number(member.joined_at.0).number(member.floor.0);
                encode_detail(member, to);
            }
            Self::GroupOfUser { user, group } => {
                to.text(user.as_str()).text(group.as_str());
            }
            Self::Group(info) => {
                to.text(info.group.as_str())
                    .text(&info.name)
                    .text(info.owner.as_str())
                    .number(info.created.0);
                to.flag(info.dismissed).number(info.members.into()).number(info.watermark.0);
                encode_settings(&info.settings, to);
            }
            Self::Cursor { user, conversation, cursor } => {
                to.text(user.as_str()).text(conversation.as_str());
                to.number(cursor.read.0).number(cursor.read_counted).number(cursor.delivered.0);
            }
            Self::Inbox(row) => {
                to.text(row.user.as_str()).text(row.conversation.as_str()).number(row.time.0).flag(row.left);
            }
            Self::Head(head) => {
                to.text(head.conversation.as_str()).number(head.seq.0).number(head.counted);
                to.number(head.last.seq.0);
                encode_entry(&head.last, to);
                to.number(u64::from(head.retention_seconds));
                encode_confirming(head.confirming.as_deref().unwrap_or_default(), to);
            }
            Self::Mention(row) => {
                to.text(row.conversation.as_str()).text(row.whom()).number(row.seq.0);
            }
            Self::Settings { user, conversation, settings } => {
                to.text(user.as_str()).text(conversation.as_str());
                encode_setting(settings, to);
            }
            Self::Overlay(row) => {
                to.text(row.conversation.as_str())
                    .number(row.seq.0)
                    .number(row.watermark.0)
                    .bytes(&row.value);
            }
            Self::Confirmation(row) => {
                to.text(row.conversation.as_str()).number(row.seq.0).number(row.epoch.0).bytes(&row.value);
            }
            Self::Relation(side) => {
                to.text(side.user.as_str()).text(side.contact.user.as_str()).bytes(&encode_relation(side));
            }
            _ => {}
        }
    }

    fn write_identity_row(&self, to: &mut Writer) {
        match self {
            Self::Account(account) => {
                to.text(account.user.as_str()).text(&account.username).text(&account.nickname);
                to.flag(account.email.is_some()).text(account.email.as_deref().unwrap_or_default());
                to.text(&account.password_hash).flag(account.status == AccountStatus::Active);
                to.number(account.created.0);
                encode_details(&account.details, to);
            }
            Self::Username { username: name, user } | Self::Nickname { folded: name, user } => {
                to.text(name).text(user.as_str());
            }
            Self::Login(login) => {
                to.text(login.login.as_str())
                    .text(login.user.as_str())
                    .text(&login.device)
                    .text(&login.address);
                to.raw(&login.refresh_hash).number(login.created.0).number(login.last_used.0);
                to.number(login.expires.0);
            }
            Self::LoginOfUser { user, login } => {
                to.text(user.as_str()).text(login.as_str());
            }
            Self::Lease { worker, lease } => {
                to.number((*worker).into()).raw(&lease.holder.to_be_bytes()).number(lease.until.0);
            }
            _ => {}
        }
    }
}
