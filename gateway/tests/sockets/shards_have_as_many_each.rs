//! Connections are shared among shards by number, not by luck.

use std::collections::BTreeMap;

use crate::bench::Bench;

#[test]
fn shards_have_about_as_many_connections_each() {
    const SHARDS: usize = 4;
    let bench = Bench::with(|config| config.shards = SHARDS);
    let mut held = Vec::new();
    let mut counts = BTreeMap::<u64, usize>::new();
    for number in 0..48 {
        let mut client =
            crate::client::Client::with_token(bench.address, &bench.token(&format!("user-{number}"), 3_600));
        *counts.entry(client.expect_welcome().session.node.0).or_default() += 1;
        held.push(client);
    }
    let (fewest, most) = (counts.values().min(), counts.values().max());
    assert_eq!(counts.len(), SHARDS, "{counts:?}");
    // By luck they would be as near to each other in one of twenty runs.
    assert!(most.zip(fewest).is_some_and(|(most, fewest)| most - fewest <= 2), "{counts:?}");
    bench.drain();
}
