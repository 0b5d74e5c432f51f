//! Closing waits for everything that was spawned, and names what did not end in time.

use std::time::Duration;

use lifecycle::{Stragglers, Tasks};

#[tokio::test(start_paused = true)]
async fn everything_that_hears_the_drain_is_waited_for() {
    let tasks = Tasks::default();
    let (done, mut finished) = tokio::sync::oneshot::channel();
    let draining = tasks.clone();
    tasks.spawn("slow but willing", async move {
        draining.draining().await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let _ = done.send(());
    });
    assert_eq!(tasks.close(Duration::from_secs(5)).await, Ok(()));
    assert_eq!(finished.try_recv(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_straggler_is_named_and_counted() {
    let tasks = Tasks::default();
    for _ in 0..2 {
        tasks.spawn("deaf", std::future::pending());
    }
    tasks.spawn("quick", async {});
    let stragglers = tasks.close(Duration::from_secs(1)).await;
    assert_eq!(stragglers, Err(Stragglers(vec![("deaf".into(), 2)])));
}

#[tokio::test]
async fn threads_and_their_runtimes_are_waited_for_too() {
    let tasks = Tasks::default();
    let (inside, name) = tokio::sync::oneshot::channel();
    let for_thread = tasks.clone();
    tasks
        .thread_with_runtime("shard 0", move || async move {
            let (sent, received) = tokio::sync::oneshot::channel();
            for_thread.spawn_local(async move {
                drop(sent.send(std::thread::current().name().map(str::to_owned)))
            });
            drop(inside.send(received.await));
            for_thread.draining().await;
        })
        .unwrap();
    assert_eq!(name.await.unwrap().unwrap().as_deref(), Some("shard 0"));
    assert_eq!(tasks.close(Duration::from_secs(30)).await, Ok(()));
}
