//! The search, against servers whose limit is known.

use clap::Parser as _;

use super::*;
use crate::arguments::{Arguments, Command};

fn settings(words: &[&str]) -> Find {
    let all = [&["loadtest", "find", "--target", "dm.lost<1"], words, &["dm"]].concat();
    match Arguments::try_parse_from(all).expect("good").command {
        Command::Find(find) => find,
        _ => panic!("it is find"),
    }
}

/// The highest rate that held, and how many were tried, with a server that can do `limit`.
fn found(limit: f64, words: &[&str]) -> (f64, usize) {
    let (mut best, mut tried) = (0.0_f64, 0);
    search(&settings(words), |rate| {
        tried += 1;
        if rate <= limit {
            best = best.max(rate);
        }
        Ok(rate <= limit)
    })
    .expect("found");
    (best, tried)
}

#[test]
fn the_limit_is_found_closely_in_few_steps() {
    for limit in [1000.0, 1700.0, 23_456.0, 63_000.0] {
        let (best, tried) = found(limit, &["--from", "1000", "--up-to", "64000", "--precision", "5"]);
        assert!(best <= limit && best >= limit * 0.93, "{best} of {limit}");
        assert!(tried <= 14, "{tried}");
    }
}

#[test]
fn a_first_rate_that_is_too_high_is_halved_and_the_last_is_not_passed() {
    let (best, _) = found(130.0, &["--from", "1000", "--up-to", "64000"]);
    assert!((100.0..=130.0).contains(&best), "{best}");
    assert_eq!(found(1e9, &["--from", "1000", "--up-to", "3000"]), (3000.0, 3));
    let (best, tried) = found(0.0, &["--from", "1000", "--up-to", "3000"]);
    assert!(best == 0.0 && tried < 12, "it gives up: {tried}");
}

fn step(rate: f64, verdict: Verdict) -> Step {
    let mut figures = Figures::of("dm");
    figures.add("rate", rate, Unit::PerSecond);
    let why = if verdict == Verdict::Good { Vec::new() } else { verdict.lines() };
    let behind = matches!(verdict, Verdict::Behind(_));
    let measured = Measured { figures, verdict, courses: Vec::new(), steps: None };
    Step { rate, held: why.is_empty(), behind, why, measured }
}

#[test]
fn the_result_is_the_best_step_and_says_what_limited_it() {
    let missed = || Verdict::Missed(vec!["dm.delivery.p99<50ms".to_owned()]);
    let whole = conclude(vec![step(10.0, Verdict::Good), step(20.0, Verdict::Good), step(40.0, missed())]);
    let whole = whole.expect("concluded");
    assert_eq!(whole.verdict, Verdict::Good);
    let figure = |name: &str| whole.figures.get(name).map(|figure| figure.value);
    assert_eq!((figure("find.rate"), figure("dm.rate")), (Some(20.0), Some(20.0)));
    assert_eq!((figure("find.steps"), figure("find.limited_by_generator")), (Some(3.0), Some(0.0)));

    let behind = || Verdict::Behind("late".to_owned());
    let whole = conclude(vec![step(10.0, Verdict::Good), step(20.0, behind())]).expect("concluded");
    assert_eq!(whole.verdict.exit_code(), 2, "the server may be able to do more");
    let whole = conclude(vec![step(10.0, missed())]).expect("concluded");
    assert_eq!(whole.verdict.exit_code(), 1, "nothing held");
    let faults = step(20.0, Verdict::Faults(vec!["dm: 1 lost".to_owned()]));
    let whole = conclude(vec![step(10.0, Verdict::Good), faults]).expect("concluded");
    assert_eq!(whole.verdict.exit_code(), 3, "a loss is a loss at any rate");
}
