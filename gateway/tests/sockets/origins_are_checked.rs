//! Which web pages may open sockets.

use gateway::Origins;

use crate::bench::Bench;
use crate::client::Client;

fn status(bench: &Bench, origin: &str) -> u16 {
    let path = format!("/ws?token={}", bench.token("alice", 600));
    Client::open(bench.address, &path, &[("origin", origin)]).map_or_else(|refused| refused.status, |_| 101)
}

#[test]
fn by_default_only_the_same_origin() {
    let bench = Bench::start();
    assert_eq!(status(&bench, &format!("http://{}", bench.address)), 101);
    assert_eq!(status(&bench, "http://evil.example.org"), 403);
    assert_eq!(status(&bench, "null"), 403);
}

#[test]
fn a_listed_origin_is_let_in_and_its_neighbours_are_not() {
    let bench = Bench::with(|config| {
        config.origins = Origins::Listed(vec!["https://app.example.org".to_owned()]);
    });
    assert_eq!(status(&bench, "https://app.example.org"), 101);
    assert_eq!(status(&bench, "https://app.example.org.evil.net"), 403);
    assert_eq!(status(&bench, "http://app.example.org"), 403);
}
