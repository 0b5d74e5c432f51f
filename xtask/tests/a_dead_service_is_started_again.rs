//! What was started is found again, what has died is started again at the same place, and nothing is left after `down`.

use xtask::machine::in_ci;
use xtask::services::{Installing, Kind, Origin, Services, Starter, Terms, answers};

/// NATS alone: it is small and starts at once. What holds for it holds for the others; they differ in recipe and question.
fn terms() -> Terms {
    Terms {
        kinds: &[Kind::Nats],
        starter: Starter::Test,
        installing: Installing::Never,
        origin: Origin::OwnProcesses,
        ..Terms::of_a_person()
    }
}

#[test]
fn a_dead_service_is_started_again_at_the_same_place() {
    let folder = tempfile::tempdir().unwrap();
    let services = Services::in_folder(folder.path()).unwrap();
    let failures = services.up(&terms()).unwrap();
    if let Some(failure) = failures.first() {
        assert!(!in_ci(), "{failure}");
        println!("skipped: {failure} (set TIDEGATE_TEST_NATS_SERVER, or cargo xtask services up)");
        return;
    }
    let url = services.url(Kind::Nats).unwrap();
    answers(Kind::Nats, &url).unwrap();
    let first = services.process(Kind::Nats).unwrap();

    // Another command, later: it runs already.
    let later = Services::in_folder(folder.path()).unwrap();
    assert!(later.up(&terms()).unwrap().is_empty());
    assert_eq!(later.process(Kind::Nats).unwrap(), first);

    first.kill();
    assert!(answers(Kind::Nats, &url).is_err(), "it is dead");
    assert!(later.up(&terms()).unwrap().is_empty());
    let second = later.process(Kind::Nats).unwrap();
    assert_ne!(second, first);
    assert_eq!(later.url(Kind::Nats).unwrap(), url);
    answers(Kind::Nats, &url).unwrap();

    services.down(Starter::Test).unwrap();
    assert!(!second.is_alive());
    assert!(services.url(Kind::Nats).is_err());
}

#[test]
fn what_a_person_started_outlives_the_tests() {
    let folder = tempfile::tempdir().unwrap();
    let services = Services::in_folder(folder.path()).unwrap();
    let failures = services.up(&Terms { starter: Starter::Person, ..terms() }).unwrap();
    if let Some(failure) = failures.first() {
        assert!(!in_ci(), "{failure}");
        println!("skipped: {failure} (set TIDEGATE_TEST_NATS_SERVER, or cargo xtask services up)");
        return;
    }
    assert!(services.up(&terms()).unwrap().is_empty());
    services.down(Starter::Test).unwrap();
    let process = services.process(Kind::Nats).unwrap();
    assert!(process.is_alive());
    services.down(Starter::Person).unwrap();
    assert!(!process.is_alive());
}
