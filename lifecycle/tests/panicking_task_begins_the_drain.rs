//! A panic in a task or thread begins the drain: half a process is worse than none.

use std::time::Duration;

use lifecycle::Tasks;

#[tokio::test]
async fn panicking_task_begins_the_drain() {
    let tasks = Tasks::default();
    assert!(!tasks.is_draining());
    tasks.spawn("broken", async { panic!("on purpose") });
    tasks.draining().await;
    assert_eq!(tasks.close(Duration::from_secs(30)).await, Ok(()), "a task that panicked has ended");
}

#[tokio::test]
async fn panicking_thread_begins_the_drain() {
    let tasks = Tasks::default();
    tasks.thread("broken", || panic!("on purpose")).unwrap();
    tasks.draining().await;
    assert_eq!(tasks.close(Duration::from_secs(30)).await, Ok(()));
}
