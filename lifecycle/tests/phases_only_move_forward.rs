//! Phases only move forward, and whoever waits for one hears of it.

use lifecycle::{Phase, Phases};

#[tokio::test]
async fn phases_only_move_forward() {
    let phases = Phases::default();
    assert_eq!(phases.now(), Phase::Starting);
    phases.advance(Phase::Draining);
    phases.advance(Phase::Ready);
    assert_eq!(phases.now(), Phase::Draining);
    assert_eq!(phases.now().name(), "draining");
}

#[tokio::test]
async fn a_later_phase_satisfies_who_waits_for_an_earlier_one() {
    let phases = Phases::default();
    let waiting = phases.clone();
    let ((), ()) = tokio::join!(waiting.reached(Phase::Ready), async { phases.advance(Phase::Stopped) });
}
