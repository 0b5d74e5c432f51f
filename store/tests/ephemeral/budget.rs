//! No more changes are written in a second than allowed, whoever reconnects.

use proto::presence::Activity;
use std::time::Duration;

use store::{LocalConfig, PresenceConfig};
use tokio::time::Instant;

use crate::stand::{Stand, device, devices, local_config, new_prefix, redis_url, until, user};

const WRITES_PER_SECOND: u32 = 200;

fn budgeted() -> LocalConfig {
    let presence = PresenceConfig { writes_per_second: WRITES_PER_SECOND, ..local_config().presence };
    LocalConfig { presence, ..local_config() }
}

#[tokio::test]
async fn a_reconnect_of_everyone_is_written_at_the_allowed_pace() {
    let Some(url) = redis_url() else { return };
    let stand = Stand::redis(&url, &new_prefix(), budgeted()).await;
    let (everyone, web) = (400_u32, device("web"));
    let users: Vec<_> = (0..everyone).map(|n| user(&format!("user-{n}"))).collect();
    let began = Instant::now();
    for user in &users {
        stand.ephemeral.came(user, &web);
        // Some are thrown out and come again, which costs nothing more.
        stand.ephemeral.left(user, &web, Activity::Active);
        stand.ephemeral.came(user, &web);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "nobody waited");
    let online = async || {
        let mut online = 0;
        for some in users.chunks(100) {
            let found = stand.ephemeral.presence(some).await;
            online += found.iter().filter(|one| devices(one) == [("web", true)]).count();
        }
        u32::try_from(online).unwrap()
    };
    // At every moment no more are online than the time since the beginning allows, and one portion.
    until("everyone is online", async || {
        let (now, allowed) = (online().await, began.elapsed().as_secs_f64() * f64::from(WRITES_PER_SECOND));
        assert!(
            f64::from(now) <= allowed + f64::from(WRITES_PER_SECOND / 10),
            "{now} after {:?}",
            began.elapsed()
        );
        now == everyone
    })
    .await;
    let fastest = Duration::from_secs(u64::from(everyone / WRITES_PER_SECOND)) - Duration::from_millis(200);
    assert!(began.elapsed() >= fastest, "{:?}", began.elapsed());
}
