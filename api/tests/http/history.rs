//! Pages of history.

use serde_json::{Value, json};

use super::server::{Person, Server};

struct Log {
    server: Server,
    alice: Person,
    path: String,
    times: Vec<u64>,
}

/// 120 messages, more than two buckets of the log.
async fn log() -> Log {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (mut path, mut times) = (String::new(), Vec::new());
    for n in 1..=120 {
        let sent = server.say(&alice, &bob, &format!("message {n}")).await;
        path = format!("/api/v1/conversations/{}/messages", sent["conversation"].as_str().unwrap());
        times.push(sent["time"].as_str().unwrap().parse().unwrap());
    }
    Log { server, alice, path, times }
}

impl Log {
    async fn page(&self, query: &str) -> (Vec<u64>, Option<String>) {
        let page = self.server.get(&format!("{}?{query}", self.path), &self.alice.access).await.expect(200);
        let seq = |message: &Value| message["seq"].as_str().unwrap().parse().unwrap();
        let seqs = page["messages"].as_array().unwrap().iter().map(seq).collect();
        (seqs, page["next_cursor"].as_str().map(str::to_owned))
    }
}

#[tokio::test]
async fn pages_go_back_to_the_beginning_and_forth_to_the_head() {
    let log = log().await;
    assert_eq!(log.page("").await.0, (71..=120).collect::<Vec<_>>());
    let mut seen = Vec::new();
    let mut query = "limit=50".to_owned();
    loop {
        let (seqs, next) = log.page(&query).await;
        seen.splice(0..0, seqs);
        let Some(next) = next else { break };
        query = format!("limit=50&cursor={next}");
    }
    assert_eq!(seen, (1..=120).collect::<Vec<_>>());

    let mut seen = Vec::new();
    let mut query = "limit=50&after=0".to_owned();
    loop {
        let (seqs, next) = log.page(&query).await;
        seen.extend(seqs);
        let Some(next) = next else { break };
        query = format!("limit=50&after=0&cursor={next}");
    }
    assert_eq!(seen, (1..=120).collect::<Vec<_>>());

    assert_eq!(log.page("after=10&before=13").await, (vec![11, 12], None));
    let (seqs, next) = log.page("after=10&before=20&limit=5").await;
    assert_eq!(seqs, [15, 16, 17, 18, 19]);
    let rest = format!("after=10&before=20&cursor={}", next.unwrap());
    assert_eq!(log.page(&rest).await, (vec![11, 12, 13, 14], None), "within what was asked");
    let (seqs, next) = log.page("afterSeq=118&page_size=1").await;
    assert_eq!(seqs, [119]);
    assert_eq!(
        log.page(&format!("cursor={}", next.unwrap())).await,
        (vec![120], None),
        "a cursor knows its way"
    );
    for empty in ["after=120", "before=1", "before=0", "after=18446744073709551615", "after=5&before=6"] {
        assert_eq!(log.page(empty).await, (vec![], None), "{empty}");
    }
    assert_eq!(log.page("limit=200").await, ((1..=120).collect(), None));

    let (seqs, next) = log.page("around=60&limit=11").await;
    assert_eq!(seqs, (55..=65).collect::<Vec<_>>());
    let older = log.page(&format!("around=60&limit=11&cursor={}", next.unwrap())).await.0;
    assert_eq!(older, (44..=54).collect::<Vec<_>>());
    assert_eq!(log.page("around=60&limit=1").await.0, [60]);
    assert_eq!(
        log.page("around=119&limit=10").await.0,
        (111..=120).collect::<Vec<_>>(),
        "so many at the head, too"
    );
    assert_eq!(log.page("around=2&limit=10").await, ((1..=7).collect(), None));

    // By time: messages of one millisecond belong together.
    let time = log.times[59];
    let before = log.times.iter().filter(|other| **other < time).count() as u64;
    assert_eq!(log.page(&format!("after_time={time}&limit=1")).await.0, [before + 1]);
    assert_eq!(log.page(&format!("before_time={time}&limit=1")).await.0, [before]);
    assert_eq!(log.page("before_time=0").await.0, [0; 0]);
    assert_eq!(log.page("after_time=4000000000000").await.0, [0; 0]);
}

#[tokio::test]
async fn strangers_read_nothing() {
    let server = Server::start().await;
    let (alice, eve) = (server.token("alice", ""), server.token("eve", ""));
    let body = json!({"to_user": "bob", "body": {"text": "hi"}});
    server.post("/api/v1/messages", &alice, body).await.expect(201);
    server.post("/api/v1/groups", &alice, json!({"group_id": "team", "name": "Team"})).await.expect(201);
    for id in ["d.alice.bob", "g.team", "g.none"] {
        let path = format!("/api/v1/conversations/{id}/messages");
        server.get(&path, &eve).await.problem(403, "FORBIDDEN");
    }
    let path = "/api/v1/conversations/d.alice.carol/messages";
    let nothing = server.get(path, &alice).await.expect(200);
    assert_eq!(nothing, json!({"messages": [], "next_cursor": null}));
    server.get("/api/v1/conversations/nonsense/messages", &alice).await.problem(400, "BAD_FIELD");
    let wrong = server.get(&format!("{path}?before=x"), &alice).await;
    assert!(wrong.problem(400, "BAD_FIELD").contains("before"));
}

#[tokio::test]
async fn who_joins_later_reads_from_there() {
    let server = Server::start().await;
    let (alice, bob) = (server.token("alice", ""), server.token("bob", ""));
    server.post("/api/v1/groups", &alice, json!({"group_id": "team", "name": "Team"})).await.expect(201);
    let body = json!({"conversation": "g.team", "body": {"text": "before bob"}});
    server.post("/api/v1/messages", &alice, body).await.expect(201);
    let joined = server.post_nothing("/api/v1/groups/team/members", &bob).await.expect(200);
    let page = server.get("/api/v1/conversations/g.team/messages", &bob).await.expect(200);
    let seqs: Vec<&Value> =
        page["messages"].as_array().unwrap().iter().map(|message| &message["seq"]).collect();
    assert_eq!(seqs, [&joined["seq"]]);
    assert_eq!(page["next_cursor"], Value::Null);
}
