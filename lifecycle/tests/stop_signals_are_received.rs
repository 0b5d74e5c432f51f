//! SIGTERM and SIGINT are received one by one, and do not end the process by themselves.

use std::process::Command;

use lifecycle::{StopSignal, StopSignals};

fn send(signal: &str) {
    let sent =
        Command::new("kill").args([signal, &std::process::id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
}

#[tokio::test]
async fn stop_signals_are_received() {
    let mut signals = StopSignals::install().unwrap();
    send("-TERM");
    assert_eq!(signals.next().await, StopSignal::Terminate);
    send("-INT");
    assert_eq!(signals.next().await, StopSignal::Interrupt);
    send("-TERM");
    assert_eq!(signals.next().await.name(), "SIGTERM");
}
