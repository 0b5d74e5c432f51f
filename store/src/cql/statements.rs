//! Every statement, prepared once for a session. Each family of calls keeps its own in its own file.

use super::accounts::AccountStatements;
use super::confirmations::ConfirmationStatements;
use super::cursors::CursorStatements;
use super::error::CqlError;
use super::groups::GroupStatements;
use super::heads::HeadStatements;
use super::inbox::InboxStatements;
use super::leases::LeaseStatements;
use super::log::LogStatements;
use super::logins::LoginStatements;
use super::members::MemberStatements;
use super::mentions::MentionStatements;
use super::nickname_search::NicknameSearchStatements;
use super::old_buckets::OldBucketStatements;
use super::overlays::OverlayStatements;
use super::ownership::OwnershipStatements;
use super::register::RegisterStatements;
use super::relations::RelationStatements;
use super::session::Preparer;
use super::settings::SettingStatements;
use super::touched::TouchedStatements;
use super::username_search::UsernameSearchStatements;

/// The statements of all families.
pub(super) struct Statements {
    pub(super) ownership: OwnershipStatements,
    pub(super) register: RegisterStatements,
    pub(super) log: LogStatements,
    pub(super) old_buckets: OldBucketStatements,
    pub(super) touched: TouchedStatements,
    pub(super) groups: GroupStatements,
    pub(super) members: MemberStatements,
    pub(super) cursors: CursorStatements,
    pub(super) heads: HeadStatements,
    pub(super) overlays: OverlayStatements,
    pub(super) confirmations: ConfirmationStatements,
    pub(super) mentions: MentionStatements,
    pub(super) settings: SettingStatements,
    pub(super) inbox: InboxStatements,
    pub(super) relations: RelationStatements,
    pub(super) accounts: AccountStatements,
    pub(super) username_search: UsernameSearchStatements,
    pub(super) nickname_search: NicknameSearchStatements,
    pub(super) logins: LoginStatements,
    pub(super) leases: LeaseStatements,
}

impl Statements {
    /// Prepares them.
    pub(super) async fn prepare(preparer: &Preparer<'_>) -> Result<Self, CqlError> {
        Ok(Self {
            ownership: OwnershipStatements::prepare(preparer).await?,
            register: RegisterStatements::prepare(preparer).await?,
            log: LogStatements::prepare(preparer).await?,
            old_buckets: OldBucketStatements::prepare(preparer).await?,
            touched: TouchedStatements::prepare(preparer).await?,
            groups: GroupStatements::prepare(preparer).await?,
            members: MemberStatements::prepare(preparer).await?,
            cursors: CursorStatements::prepare(preparer).await?,
            heads: HeadStatements::prepare(preparer).await?,
            overlays: OverlayStatements::prepare(preparer).await?,
            confirmations: ConfirmationStatements::prepare(preparer).await?,
            mentions: MentionStatements::prepare(preparer).await?,
            settings: Box::pin(SettingStatements::prepare(preparer)).await?,
            inbox: InboxStatements::prepare(preparer).await?,
            relations: RelationStatements::prepare(preparer).await?,
            accounts: AccountStatements::prepare(preparer).await?,
            username_search: UsernameSearchStatements::prepare(preparer).await?,
            nickname_search: NicknameSearchStatements::prepare(preparer).await?,
            logins: LoginStatements::prepare(preparer).await?,
            leases: LeaseStatements::prepare(preparer).await?,
        })
    }
}
