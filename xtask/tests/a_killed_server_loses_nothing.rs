//! Three rounds of `cargo xtask crash-rounds` with the programs that the tests have built anyway.

use xtask::crash_rounds::{Settings, run};
use xtask::programs::{Profile, Programs};

#[test]
fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let programs = Programs::build(Profile::Dev).expect("programs");
    let folder = tempfile::tempdir().expect("a folder");
    let settings =
        Settings { rounds: 3, seed: Some(20_261_121), rate: 400, connections: 20, load_max_ms: 800 };
    let series = run(&programs, &settings, folder.path()).expect("a series");
    assert_eq!(series.rounds, 3);
    assert!(series.total.acknowledged > 0);
    assert!(series.total.is_clean(), "{:?}", series.total);
}
