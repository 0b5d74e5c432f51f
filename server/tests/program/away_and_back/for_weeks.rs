//! Away for two weeks. The processes go on all the while, and libfaketime tells them that seven days have gone by, and seven more: at least
//! one border of ten days is among them, where a log goes on in a new bucket. It also does after every 64 entries here.
//! What was missed is counted, listed and read as after an hour.

use std::path::Path;
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};
use xtask::chaos::FakeClock;

use super::{AWAY, away, seq};
use crate::http::{new_user, post_as};
use crate::places::{self, FAST, Places};
use crate::process::until;
use crate::socket::Socket;
use crate::stand::{frame, metric, try_to_say};

const WEEK_SECONDS: u32 = 7 * 24 * 60 * 60;
/// One bucket for each of these, at least.
const BUCKET_ENTRIES: (&str, u64) = ("64", 64);
/// Before which messages.
const FIRST_WEEK_BEFORE: u64 = 100;
const SECOND_WEEK_BEFORE: u64 = 200;

#[test]
fn in_one_process() {
    run(|settings, test| places::in_one_process(settings, test));
}

#[test]
fn in_a_cluster() {
    run(|settings, test| places::in_a_cluster(settings, test));
}

fn run(place: impl FnOnce(&[(&'static str, &'static str)], &dyn Fn(&Places<'_>))) {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(clock) = clock(folder.path()) else { return };
    let mut settings = FAST.to_vec();
    settings.extend([
        ("TIDEGATE_ROUTER__BUCKET_ENTRIES_MAX", BUCKET_ENTRIES.0),
        ("TIDEGATE_AUTH__ACCESS_TTL", "30d"),
    ]);
    // As long as the processes.
    settings.extend(clock.environment().into_iter().map(|(name, value)| (&*name.leak(), &*value.leak())));
    place(&settings, &|at| {
        away(at, |number| match number {
            FIRST_WEEK_BEFORE => it_is_weeks_later(at, &clock, 1),
            SECOND_WEEK_BEFORE => it_is_weeks_later(at, &clock, 2),
            _ => {}
        });
        let rolled = metric(at.router.expect("it serves all the time"), "router_roll_overs_total");
        assert!(rolled > AWAY / BUCKET_ENTRIES.1, "{rolled}");
    });
}

/// `None`, with a word why, where libfaketime is not; in CI it is installed.
fn clock(folder: &Path) -> Option<FakeClock> {
    static ONE_INSTALLS: Mutex<()> = Mutex::new(());
    let _one = ONE_INSTALLS.lock();
    if std::env::var_os("CI").is_some() {
        return Some(FakeClock::in_folder(folder).expect("in CI nothing is skipped"));
    }
    let clock = FakeClock::if_installed(folder).expect("a folder");
    if clock.is_none() {
        println!("skipped: weeks that go by (Debian: apt-get install libfaketime)");
    }
    clock
}

/// Each process sees the new time within a second.
fn it_is_weeks_later(at: &Places<'_>, clock: &FakeClock, weeks: u32) {
    let seconds = weeks * WEEK_SECONDS;
    let now = UNIX_EPOCH.elapsed().expect("a clock").as_secs() + u64::from(seconds);
    clock.step(seconds.into()).expect("it is set");
    let is_there = |time: &Value| (seq(time) / 1_000 >= now).then_some(());
    let user = new_user(at.api, &format!("clock{weeks}"), "a long secret");
    let mut number = 0;
    for place in [at.near, at.far] {
        let mut socket = Socket::open(place, &user.token);
        until(|| {
            number += 1;
            let ack = try_to_say(&mut socket, &mut frame(number, "nobody", "what is the time?"))?.ok()?;
            is_there(&ack["time"])
        });
    }
    until(|| {
        let body = json!({"to_user": "nobody", "body": {"text": "and here?"}});
        let said = post_as(&at.url("/messages"), &user.token, &body);
        if said.status == 201 { is_there(&said.json()["time"]) } else { None }
    });
}
