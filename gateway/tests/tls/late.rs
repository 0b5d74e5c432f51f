//! Who comes over TLS while a gateway is being handed over is sent away, too.

use gateway::Outside;
use proto::ServerFrame;

use crate::authority::Authority;
use crate::bench::user;
use crate::encrypted::{Encrypted, connect};
use crate::watch::Watch;

#[test]
fn a_handshake_under_way_ends_in_a_close_frame() {
    let watch = Watch::begin();
    let authority = Authority::new();
    let (bench, _) = authority.bench(|config| config.drain.notice = std::time::Duration::from_secs(1));
    let trust = authority.client(&["http/1.1"]);
    let mut early = Encrypted::settled(&bench, &trust, "alice");
    // Its hands are shaken, and it has asked for nothing yet.
    let late = connect(bench.address, &trust).unwrap();
    let handover = bench.running.handover();
    let freezing = std::thread::Builder::new().name("freezing".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            handover.freeze().await;
            handover.take(Outside::Silent).await
        })
    });
    assert!(matches!(early.frame(), ServerFrame::Goaway(_)));
    let mut late = Encrypted::on(late, &bench, user("bob").as_str());
    assert_eq!((early.closed(), late.closed()), (1012, 1012));
    drop((early, late));
    assert_eq!(freezing.unwrap().join().unwrap().sockets(), 0);
    bench.drain();
    // The shard that is gone tells no metrics any more; another one says what is left.
    let (other, _) = authority.bench(|_| {});
    watch.expect("gateway_tls_connections", &[], 0.0);
    other.drain();
}
