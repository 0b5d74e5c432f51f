//! `cargo xtask million` and `cargo xtask bench`, so small that they take seconds, with the programs that the tests have
//! built anyway.

use std::path::Path;

use xtask::bench::Bench;
use xtask::million::{self, Arguments};
use xtask::programs::{Profile, Programs};
use xtask::table::{Manifest, Server};

fn programs() -> Programs {
    let named = std::env::var_os("TIDEGATE_TEST_PROGRAMS");
    Programs::find_or_build(named.as_ref().map(Path::new), Profile::Dev).expect("programs")
}

#[test]
fn three_servers_hold_what_is_more_than_two_may() {
    let arguments = Arguments {
        connections: 300,
        per_server: 120,
        hold: 2,
        opening: 16,
        name: String::new(),
        out: None,
        programs: None,
    };
    let figures = million::run(&programs(), &arguments).expect("held");
    assert_eq!(figures.code, 0, "{}", figures.report["verdict"]);
    assert_eq!((figures.get("idle.connections"), figures.get("million.servers")), (Some(300.0), Some(3.0)));
    assert_eq!(figures.get("idle.sockets_closed"), Some(0.0));
    assert!(figures.get("idle.server.bytes_per_connection").is_some(), "all servers are added up");
    assert!(figures.get("million.machine.bytes_per_connection").is_some());
}

#[test]
fn a_row_is_measured_against_each_server_and_kept() {
    let kept = tempfile::tempdir().expect("a folder");
    let text = "[[row]]\nname = \"few\"\nwhat = \"x\"\nservers = [\"tidegate\", \"raw\"]\nfigures = []\n\
                loadtest = \"dm --connections 10 --rate 50 --seconds 1s --warm-up 100ms --lateness-max 20s\"\n";
    let manifest = Manifest::parse(text).expect("good");
    let folder = kept.path().join("2026-01-01-bench");
    std::fs::create_dir(&folder).expect("made");
    let programs = programs();
    let bench = Bench { programs: &programs, manifest: &manifest, kept: kept.path(), folder: &folder };
    for server in [Server::Tidegate, Server::Raw] {
        let left_out = bench.measure(&manifest.row[0], server, None).expect("measured");
        assert_eq!(left_out, None);
        let record = xtask::table::find(kept.path(), &manifest.row[0], server).expect("read").expect("kept");
        assert_eq!(record.report["exit_code"], 0, "{}", record.report["verdict"]);
        assert_eq!(record.report["figures"]["dm.lost"]["value"], 0);
        assert_eq!(record.report["settings"]["driver"], server.name());
    }
}
