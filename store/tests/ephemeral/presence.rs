//! Who is online.

use proto::presence::{Activity, PresenceState};
use store::{LocalConfig, Others, Presence};

use crate::stand::{Stand, device, devices, engines, local_config, new_prefix, redis_url, until, user};

#[tokio::test]
async fn devices_come_and_leave_on_their_own() {
    for stand in engines().await {
        let alice = user("alice");
        assert_eq!(stand.presence(&alice).await, Presence::Known(vec![]), "never seen");
        stand.ephemeral.came(&alice, &device("phone"));
        stand.ephemeral.came(&alice, &device("web"));
        let both = async || devices(&stand.presence(&alice).await) == [("phone", true), ("web", true)];
        until("both are online", both).await;
        stand.ephemeral.left(&alice, &device("phone"), Activity::Active);
        let one = async || devices(&stand.presence(&alice).await) == [("phone", false), ("web", true)];
        until("the phone has left", one).await;
        stand.ephemeral.left(&alice, &device("web"), Activity::Active);
        let none = async || devices(&stand.presence(&alice).await) == [("phone", false), ("web", false)];
        until("both have left", none).await;
        stand.end().await;
    }
}

#[tokio::test]
async fn a_device_is_online_until_its_last_session_ends() {
    for stand in engines().await {
        let (bob, web) = (user("bob"), device("web"));
        stand.ephemeral.came(&bob, &web);
        stand.ephemeral.came(&bob, &web);
        stand.ephemeral.left(&bob, &web, Activity::Active);
        until("it is online", async || devices(&stand.presence(&bob).await) == [("web", true)]).await;
        stand.ephemeral.left(&bob, &web, Activity::Active);
        until("it is offline", async || devices(&stand.presence(&bob).await) == [("web", false)]).await;
        stand.end().await;
    }
}

#[tokio::test]
async fn a_device_named_late_is_one_device() {
    for stand in engines().await {
        let carol = user("carol");
        stand.ephemeral.came(&carol, &device("default"));
        until("it is online", async || devices(&stand.presence(&carol).await) == [("default", true)]).await;
        stand.ephemeral.renamed(&carol, &device("default"), &device("tablet"));
        until("it has its name", async || devices(&stand.presence(&carol).await) == [("tablet", true)]).await;
        stand.end().await;
    }
}

#[tokio::test]
async fn a_device_is_away_while_none_of_its_sessions_is_used() {
    for stand in engines().await {
        let (dora, web) = (user("dora"), device("web"));
        let is = async |state| {
            let found = stand.presence(&dora).await.told(user("dora"));
            found.state == state && found.devices.len() == usize::from(state != PresenceState::Offline)
        };
        stand.ephemeral.came(&dora, &web);
        stand.ephemeral.turned(&dora, &web, Activity::Away);
        until("it is away", async || is(PresenceState::Away).await).await;
        stand.ephemeral.turned(&dora, &web, Activity::Active);
        until("it is back", async || is(PresenceState::Online).await).await;
        stand.ephemeral.turned(&dora, &web, Activity::Away);
        until("it is away again", async || is(PresenceState::Away).await).await;
        stand.ephemeral.left(&dora, &web, Activity::Away);
        until("it has left", async || is(PresenceState::Offline).await).await;
        stand.end().await;
    }
}

#[tokio::test]
async fn whose_presence_changed_is_told_once_everybody_can_see_it() {
    for stand in engines().await {
        let (erik, web) = (user("erik"), device("web"));
        let (changed, come) = tokio::join!(stand.ephemeral.changes(), async {
            // Whoever waits is polled first.
            stand.ephemeral.came(&erik, &web);
        });
        let () = come;
        assert_eq!((changed.came, changed.left), (vec![user("erik")], vec![]));
        assert_eq!(devices(&stand.presence(&erik).await), [("web", true)]);
        stand.ephemeral.left(&erik, &web, Activity::Active);
        let changed = stand.ephemeral.changes().await;
        assert_eq!((changed.came, changed.left), (vec![], vec![user("erik")]));
        assert_eq!(devices(&stand.presence(&erik).await), [("web", false)]);
        stand.end().await;
    }
}

#[tokio::test]
async fn several_are_told_in_the_order_asked() {
    for stand in engines().await {
        stand.ephemeral.came(&user("b"), &device("web"));
        until("it is online", async || devices(&stand.presence(&user("b")).await) == [("web", true)]).await;
        let found = stand.ephemeral.presence(&[user("a"), user("b"), user("c"), user("b")]).await;
        let online: Vec<_> = found.iter().map(|presence| devices(presence).len()).collect();
        assert_eq!(online, [0, 1, 0, 1]);
        assert_eq!(stand.ephemeral.presence(&[]).await, []);
        stand.end().await;
    }
}

#[tokio::test]
async fn where_there_are_others_who_is_not_here_is_unknown() {
    let config = LocalConfig { others: Others::Maybe, ..local_config() };
    let ephemeral = store::Ephemeral::local(config);
    let (alice, web) = ([user("alice")], device("web"));
    assert_eq!(ephemeral.presence(&alice).await, [Presence::Unknown]);
    ephemeral.came(&alice[0], &web);
    assert_eq!(devices(&ephemeral.presence(&alice).await[0]), [("web", true)]);
    ephemeral.left(&alice[0], &web, Activity::Active);
    assert_eq!(ephemeral.presence(&alice).await, [Presence::Unknown]);
}

#[tokio::test]
async fn processes_see_each_others_users() {
    let Some(url) = redis_url() else { return };
    let prefix = new_prefix();
    let one = Stand::redis(&url, &prefix, local_config()).await;
    let other = Stand::redis(&url, &prefix, local_config()).await;
    let (alice, web) = (user("alice"), device("web"));
    one.ephemeral.came(&alice, &web);
    other.ephemeral.came(&alice, &web);
    until("she is online", async || devices(&other.presence(&alice).await) == [("web", true)]).await;
    // The same device, at two processes: it is online until it has left both.
    one.ephemeral.left(&alice, &web, Activity::Active);
    let stranger = Stand::redis(&url, &new_prefix(), local_config()).await;
    one.ephemeral.came(&user("bob"), &web);
    until("bob is online", async || devices(&other.presence(&user("bob")).await) == [("web", true)]).await;
    assert_eq!(devices(&other.presence(&alice).await), [("web", true)], "written before bob");
    assert_eq!(stranger.presence(&alice).await, Presence::Known(vec![]), "another deployment");
    other.ephemeral.left(&alice, &web, Activity::Active);
    until("she is offline", async || devices(&one.presence(&alice).await) == [("web", false)]).await;
}

#[tokio::test]
async fn a_process_that_ends_takes_its_users_with_it_at_once() {
    let Some(url) = redis_url() else { return };
    let prefix = new_prefix();
    let slow = LocalConfig {
        presence: store::PresenceConfig {
            silent_after: std::time::Duration::from_secs(600),
            ..local_config().presence
        },
        ..local_config()
    };
    let watching = Stand::redis(&url, &prefix, local_config()).await;
    let ending = Stand::redis(&url, &prefix, slow).await;
    let alice = user("alice");
    ending.ephemeral.came(&alice, &device("web"));
    until("she is online", async || devices(&watching.presence(&alice).await) == [("web", true)]).await;
    ending.end().await;
    assert_eq!(devices(&watching.presence(&alice).await), [("web", false)]);
}

#[tokio::test]
async fn a_process_that_vanishes_takes_its_users_with_it_after_its_silence() {
    let Some(url) = redis_url() else { return };
    let prefix = new_prefix();
    let watching = Stand::redis(&url, &prefix, local_config()).await;
    let (vanishing, runtime) = vanishing_process(&url, &prefix);
    let alice = user("alice");
    vanishing.ephemeral.came(&alice, &device("web"));
    until("she is online", async || devices(&watching.presence(&alice).await) == [("web", true)]).await;
    runtime.shutdown_background();
    until("she is offline", async || devices(&watching.presence(&alice).await) == [("web", false)]).await;
}

/// On a runtime of its own, so that it can end without a word.
fn vanishing_process(url: &str, prefix: &str) -> (Stand, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let entered = runtime.enter();
    let stand = Stand::redis_perhaps(crate::stand::redis_config(url, prefix), local_config());
    drop(entered);
    (stand, runtime)
}

#[tokio::test]
async fn what_dead_processes_and_old_devices_leave_behind_is_tidied_up() {
    let Some(url) = redis_url() else { return };
    let prefix = new_prefix();
    let alice = user("alice");
    for n in 0..20 {
        let process = Stand::redis(&url, &prefix, local_config()).await;
        process.ephemeral.came(&alice, &device(&format!("device-{n:02}")));
        until("it is online", async || {
            devices(&process.presence(&alice).await).iter().filter(|(_, online)| *online).count() == 1
        })
        .await;
        process.end().await;
    }
    let last = Stand::redis(&url, &prefix, local_config()).await;
    last.ephemeral.came(&alice, &device("device-99"));
    let online = async || devices(&last.presence(&alice).await).contains(&("device-99", true));
    until("it is online", online).await;
    // The seventeenth field made somebody look through them: eight that had left stayed, and those that came later.
    let found = last.presence(&alice).await;
    assert!(devices(&found).len() <= 16, "{found:?}");
    assert!(
        devices(&found).contains(&("device-19", false)) && !devices(&found).contains(&("device-00", false))
    );
}
