//! The gateway on real sockets: a backend that the test plays by hand, raw RFC 6455 clients, port 0.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod a_crowd_is_told_in_order;
mod admission_limits;
mod authentication;
mod bench;
mod broadcasts;
mod bus_gap_makes_sessions_resync;
mod busy_shard_lets_work_gather;
mod busy_uplink_is_told;
mod client;
mod compression_moves_too;
mod drain_tells_then_closes;
mod every_order_of_connect_publish_disconnect;
mod heartbeat_closes_vanished_peers;
mod interest_follows_groups;
mod one_session_where_the_policy_says_so;
mod origins_are_checked;
mod other_requests_reach_the_fallback;
mod places_move_too;
mod presence_is_told;
mod presence_is_watched;
mod rooms;
mod session_limits;
mod sessions_move_whole;
mod shards_have_as_many_each;
mod slow_client_does_not_slow_others;
mod sync_waits_for_interest;
mod tokens_end_and_are_renewed;
mod unanswered_commands_stop_reading;
