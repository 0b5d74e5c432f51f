//! What the benchmarks of the router have in common: its settings.

use std::time::Duration;

use router::{GroupRules, History, RouterConfig};

pub fn config(workers: usize) -> RouterConfig {
    RouterConfig {
        workers,
        heartbeat_interval: Duration::from_millis(100),
        suspect_after: Duration::from_millis(500),
        listen: Duration::ZERO,
        steady_after: Duration::from_secs(1),
        grace: Duration::from_secs(3),
        claims_max: 128,
        commands_kept_max: 4_096,
        group: GroupRules { members_max: 500, history: History::Whole },
        recall_window: Duration::from_secs(120),
        edit_window: Duration::from_secs(86_400),
        retention: Duration::ZERO,
        retention_sweep: Duration::ZERO,
        contacts: router::ContactRules::OPEN,
        confirms: router::ConfirmRules::USUAL,
        bucket_entries_max: 100_000,
        bucket_bytes_max: 50 << 20,
        conversation_queue_max: 1_000,
        commands_wait_max: Duration::from_secs(1),
        commands_waiting_max: 16_384,
        conversations_max: 50_000,
        conversation_idle: Duration::from_secs(600),
        loads_max: 256,
        reads_max: 1_000,
        flush_interval: Duration::from_secs(1),
        quiet_after: Duration::from_secs(5),
        give_up_after: Duration::from_secs(30),
        turn_interval: Duration::from_millis(1),
        restart_pause: Duration::from_secs(1),
        lease: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(10),
    }
}
