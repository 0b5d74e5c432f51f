//! `[router]`.

use router::{ConfirmRules, ContactRules, GroupRules, History, Removal, RouterConfig};

use super::reader::Reader;
use super::{milliseconds, seconds};

pub(super) fn read(reader: &Reader) -> RouterConfig {
    const MIB: u64 = 1 << 20;
    let histories = [("whole", History::Whole), ("from_joining", History::FromJoining)];
    let group = GroupRules {
        members_max: reader.whole("router.group_members_max", 2..=1_000_000),
        history: reader.choice("router.group_history", &histories),
    };
    let request_ttl = reader.duration("router.friend_request_ttl", seconds(60)..=seconds(366 * 86_400));
    let contacts = ContactRules {
        friends_only: reader.flag("router.friends_only"),
        request_ttl_ms: u64::try_from(request_ttl.as_millis()).unwrap_or(u64::MAX),
        rejections_told: reader.flag("router.friend_rejections_told"),
        removal: reader.choice("router.friend_removal", &[("both", Removal::Both), ("one", Removal::One)]),
    };
    let confirm_window = reader.duration("router.confirm_window", seconds(1)..=seconds(366 * 86_400));
    let confirms = ConfirmRules {
        open_max: reader.whole("router.confirms_open_max", 0..=100),
        window_ms: u64::try_from(confirm_window.as_millis()).unwrap_or(u64::MAX),
    };
    RouterConfig {
        workers: reader.whole("router.workers", 1..=64),
        heartbeat_interval: reader.duration("router.heartbeat_interval", milliseconds(10)..=seconds(10)),
        suspect_after: reader.duration("router.suspect_after", milliseconds(50)..=seconds(60)),
        listen: reader.duration("router.listen", milliseconds(0)..=seconds(60)),
        steady_after: reader.duration("router.steady_after", milliseconds(0)..=seconds(60)),
        grace: reader.duration("router.grace", milliseconds(0)..=seconds(600)),
        claims_max: reader.whole("router.claims_max", 1..=1024),
        commands_kept_max: reader.whole("router.commands_kept_max", 1..=1 << 20),
        group,
        recall_window: reader.duration("router.recall_window", seconds(0)..=seconds(315_360_000)),
        edit_window: reader.duration("router.edit_window", seconds(0)..=seconds(315_360_000)),
        contacts,
        confirms,
        retention: reader.duration("router.retention", seconds(0)..=seconds(316_224_000)),
        retention_sweep: reader.duration("router.retention_sweep", milliseconds(0)..=seconds(864_000)),
        bucket_entries_max: reader.whole("router.bucket_entries_max", 64..=10_000_000),
        bucket_bytes_max: reader.bytes("router.bucket_bytes_max", MIB..=1024 * MIB),
        conversation_queue_max: reader.whole("router.conversation_queue_max", 1..=1 << 20),
        commands_wait_max: reader.duration("router.commands_wait_max", milliseconds(10)..=seconds(10)),
        commands_waiting_max: reader.whole("router.commands_waiting_max", 1..=1 << 20),
        conversations_max: reader.whole("router.conversations_max", 64..=100_000_000),
        conversation_idle: reader.duration("router.conversation_idle", seconds(1)..=seconds(86_400)),
        loads_max: reader.whole("router.loads_max", 1..=1 << 16),
        reads_max: reader.whole("router.reads_max", 1..=1 << 16),
        flush_interval: reader.duration("router.flush_interval", milliseconds(10)..=seconds(60)),
        quiet_after: reader.duration("router.quiet_after", milliseconds(100)..=seconds(3_600)),
        give_up_after: reader.duration("router.give_up_after", seconds(1)..=seconds(3_600)),
        turn_interval: reader.duration("router.turn_interval", milliseconds(0)..=milliseconds(100)),
        restart_pause: reader.duration("router.restart_pause", milliseconds(10)..=seconds(60)),
        lease: reader.duration("router.lease", seconds(5)..=seconds(3_600)),
        drain_timeout: reader.duration("router.drain_timeout", milliseconds(100)..=seconds(3_600)),
    }
}
