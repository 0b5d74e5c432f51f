//! Whoever asks the server to stop, or breaks it, while the sockets are on their way.

use std::fs;
use std::thread;

use super::{Pair, Stand, dies_with_the_sockets};
use crate::process::until;

/// Where a script waits for the test.
const GO: &str = "until [ -e go ]; do sleep 0.05; done";

/// What was told of the upgrade that is under way.
fn progress(stand: &Stand) -> Option<String> {
    fs::read_to_string(stand.folder.join("tidegate-data/upgrade.json")).ok()
}

#[test]
fn the_process_that_goes_on_stops_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::start(folder.path());
    let mut pair = Pair::open(stand.server(), 1);
    pair.talk();
    stand.replace(&dies_with_the_sockets(GO));
    thread::scope(|scope| {
        let asking = scope.spawn(|| stand.upgrade());
        until(|| progress(&stand).filter(|told| told.contains("moving")));
        // There is no way back any more, and nobody who could do it but the next process.
        stand.signal("TERM");
        fs::write(folder.path().join("go"), "").unwrap();
        let told = [pair.reader, pair.writer].map(|mut socket| {
            socket.until("goaway");
            socket.close_code()
        });
        assert_eq!(told, [1012, 1012]);
        let (_, told) = asking.join().expect("no panic");
        assert!(told.contains("2 sockets moved to process"), "{told}");
    });
    let (code, logs) = stand.into_server().ended();
    assert_eq!(code, Some(0), "of the process that was asked");
    assert!(logs.contains("the new process is to stop") && logs.contains("\"drained\""), "{logs}");
    assert!(!folder.path().join("tidegate-data/addresses.json").exists());
}

#[test]
fn when_nobody_can_go_on_that_is_told_and_nobody_is_sent_there() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::start(folder.path());
    let mut pair = Pair::open(stand.server(), 1);
    pair.talk();
    stand.replace(&dies_with_the_sockets("rm -r tidegate-data/store; : > tidegate-data/store"));
    let (code, told) = stand.upgrade();
    assert_eq!(code, Some(4), "{told}");
    assert!(told.contains("its sockets are closed"), "{told}");
    let [reader, writer] = [pair.reader, pair.writer];
    reader.broken();
    writer.broken();
    let (code, _) = stand.into_server().ended();
    assert_eq!(code, Some(4));
    assert!(!folder.path().join("tidegate-data/addresses.json").exists());
}
