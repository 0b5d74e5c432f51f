//! Something that a cluster needs is away, and comes back: what clients see meanwhile, and that everything that was acknowledged
//! is there afterwards, once. `docs/OPERATING.md` tells the same in a table.

mod gateways_and_apis;
mod nats;
mod redis;
mod routers;
mod store;

use crate::http::Answer;
use crate::process::Tidegate;

/// What is logged by those who hear no more of a router that was killed.
pub const KILLED: &[&str] = &["suspected"];
/// What is logged without a service, by its client library too.
const WITHOUT_NATS: &[&str] = &["nats::", "deliveries were lost"];
const WITHOUT_REDIS: &[&str] = &["redis is away"];
const WITHOUT_STORE: &[&str] = &["scylla::", "store did not answer", "store does not answer"];

// Of proto::Code.
const UNAVAILABLE: u16 = 1402;
const LATE: u16 = 1403;

/// The request was refused for now, with this code.
fn is_refused(answer: &Answer, code: u16) -> bool {
    answer.status == 503 && answer.json()["code"] == code && answer.headers.contains_key("retry-after")
}

/// All of them stop in order, and none has panicked.
fn end(processes: impl IntoIterator<Item = Tidegate>) {
    for process in processes {
        process.signal("TERM");
        let (code, logs) = process.ended();
        assert!(code == Some(0) && !logs.contains("panicked"), "{code:?} {logs}");
    }
}
