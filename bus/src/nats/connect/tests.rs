//! Addresses, secrets and pauses.

use super::*;
use crate::nats::config::{NatsTls, Secret};

fn config(url: &str, auth: NatsAuth) -> NatsConfig {
    NatsConfig {
        urls: vec![url.to_owned()],
        prefix: String::new(),
        auth,
        tls: NatsTls::default(),
        connect_timeout: Duration::from_secs(1),
        ping_interval: Duration::from_secs(1),
        reconnect_pause_max: Duration::from_secs(1),
        subscribes_per_second: 1,
    }
}

#[test]
fn addresses_have_no_password_and_errors_show_none() {
    for url in ["nats://h:4222", "tls://h:4222", "h:4222", "nats://127.0.0.1"] {
        assert!(addresses(&config(url, NatsAuth::None)).is_ok(), "{url}");
    }
    for url in [
        "ws://h:1",
        "http://h",
        "nats://",
        "",
        "nats://anna:secret@h:4222",
        "nats://secret@h",
        "http://anna:secret@h",
    ] {
        let error = addresses(&config(url, NatsAuth::None)).unwrap_err().to_string();
        assert!(!error.contains("secret") && error.contains("NATS server"), "{error}");
    }
    let none = NatsConfig { urls: vec![], ..config("", NatsAuth::None) };
    assert!(matches!(addresses(&none), Err(ConnectError::NoAddress)));
}

#[test]
fn seeds_and_credentials_that_do_not_parse_are_refused_and_not_shown() {
    for auth in [NatsAuth::NKey(Secret::new("SUsecret")), NatsAuth::Credentials(Secret::new("secret"))] {
        let config = config("nats://h", auth);
        assert!(!format!("{config:?}").contains("secret"));
        let error = options(&config).err().unwrap();
        assert!(
            matches!(error, ConnectError::Secret { .. }) && !error.to_string().contains("secret"),
            "{error}"
        );
    }
}

#[test]
fn pauses_begin_at_nothing_double_and_stay_below_their_most() {
    let max = Duration::from_secs(2);
    assert_eq!(pause(1, max), Duration::ZERO);
    for (attempts, most) in [(2, 10), (3, 20), (4, 40), (9, 1280), (10, 2000), (1_000_000, 2000)] {
        let most = Duration::from_millis(most);
        for _ in 0..20 {
            let pause = pause(attempts, max);
            assert!(pause >= most / 2 && pause <= most, "{attempts}: {pause:?}");
        }
    }
}
