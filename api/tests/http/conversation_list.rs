//! The conversation list.

use serde_json::{Value, json};
use store::{Fault, Op, Rule, Store};

use super::server::{PATIENCE, Person, Server};

async fn list(server: &Server, token: &str) -> Vec<Value> {
    let list = server.get("/api/v1/conversations", token).await.expect(200);
    list["conversations"].as_array().unwrap().clone()
}

/// Lists follow the log within moments: waits until this one is as expected.
async fn until(server: &Server, token: &str, expected: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let lines = list(server, token).await;
        if expected(&lines) {
            return lines;
        }
        assert!(tokio::time::Instant::now() < deadline, "{lines:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["conversation"].as_str().unwrap()).collect()
}

async fn three() -> (Server, [Person; 3]) {
    let server = Server::start().await;
    let people =
        [server.register("alice").await, server.register("bob").await, server.register("carol").await];
    (server, people)
}

#[tokio::test]
async fn lines_have_name_peer_last_message_and_exact_unread() {
    let (server, [alice, bob, carol]) = three().await;
    let body = json!({"group_id": "team", "name": "The team", "member_ids": [bob.id]});
    server.post("/api/v1/groups", &alice.access, body).await.expect(201);
    let direct = server.say(&alice, &bob, "one").await["conversation"].clone();
    server.say(&alice, &bob, "two").await;
    let last = server.say(&carol, &bob, "hello").await;

    let lines = until(&server, &bob.access, |lines| lines.len() == 3).await;
    assert_eq!(ids(&lines), [last["conversation"].as_str().unwrap(), direct.as_str().unwrap(), "g.team"]);
    let line = &lines[1];
    assert_eq!(
        (&line["kind"], &line["name"], &line["peer"]),
        (&json!("direct"), &json!("alice"), &json!(alice.id))
    );
    assert_eq!((&line["head"], &line["unread"], &line["read_seq"]), (&json!("2"), &json!("2"), &json!("0")));
    assert_eq!(line["last"]["body"], json!({"text": "two"}));
    assert_eq!(line["time"], line["last"]["time"]);
    let group = &lines[2];
    assert_eq!(
        (&group["kind"], &group["name"], &group["peer"]),
        (&json!("group"), &json!("The team"), &Value::Null)
    );

    let path = format!("/api/v1/conversations/{}/read", direct.as_str().unwrap());
    assert_eq!(server.post(&path, &bob.access, json!({"seq": 1})).await.status, 204);
    let unread =
        |lines: &[Value]| lines.iter().find(|line| line["conversation"] == direct).unwrap()["unread"].clone();
    assert_eq!(unread(&list(&server, &bob.access).await), json!("1"));
    assert_eq!(server.post(&path, &bob.access, json!({"seq": "2"})).await.status, 204);
    assert_eq!(unread(&list(&server, &bob.access).await), json!("0"));
    // What one says oneself is read.
    server.say(&bob, &alice, "three").await;
    until(&server, &bob.access, |lines| unread(lines) == json!("0") && lines[0]["head"] == json!("3")).await;
}

#[tokio::test]
async fn pages_follow_each_other_without_repetition() {
    let server = Server::start().await;
    let alice = server.token("alice", "");
    for n in 0..25 {
        let body = json!({"to_user": format!("user{n}"), "body": {"text": "hi"}});
        server.post("/api/v1/messages", &alice, body).await.expect(201);
    }
    until(&server, &alice, |lines| lines.len() == 25).await;
    let (mut seen, mut path) = (Vec::new(), "/api/v1/conversations?limit=10".to_owned());
    let mut pages = 0;
    loop {
        let page = server.get(&path, &alice).await.expect(200);
        seen.extend(page["conversations"].as_array().unwrap().iter().cloned());
        pages += 1;
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/conversations?limit=10&cursor={next}");
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, list(&server, &alice).await);
    let refused = server.get("/api/v1/conversations?cursor=nonsense", &alice).await;
    assert!(refused.problem(400, "BAD_FIELD").starts_with("cursor: "));
}

#[tokio::test]
async fn left_groups_are_gone_and_large_ones_are_there() {
    let server = Server::start().await;
    let (alice, bob) = (server.token("alice", ""), server.token("bob", ""));
    let crowd: Vec<String> = (0..proto::limits::INBOX_MEMBERS_MAX).map(|n| format!("user{n}")).collect();
    let large = json!({"group_id": "large", "name": "Large", "member_ids": crowd});
    server.post("/api/v1/groups", &alice, large).await.expect(201);
    let small = json!({"group_id": "small", "name": "Small", "member_ids": ["bob"]});
    server.post("/api/v1/groups", &alice, small).await.expect(201);
    server.post_nothing("/api/v1/groups/large/members", &bob).await.expect(200);
    let lines = until(&server, &bob, |lines| lines.len() == 2).await;
    let mut found = ids(&lines);
    found.sort_unstable();
    assert_eq!(found, ["g.large", "g.small"]);

    let body = json!({"conversation": "g.large", "body": {"text": "hi all"}});
    server.post("/api/v1/messages", &alice, body).await.expect(201);
    let lines = until(&server, &bob, |lines| lines[0]["unread"] == json!("1")).await;
    assert_eq!(ids(&lines), ["g.large", "g.small"]);
    server.delete("/api/v1/groups/small/members/me", &bob).await.expect(200);
    until(&server, &bob, |lines| ids(lines) == ["g.large"]).await;
    until(&server, &alice, |lines| lines.len() == 2).await;
}

/// The owner of a conversation says with its head what waits there: no list reads head rows beside that.
#[tokio::test]
async fn what_waits_to_be_confirmed_comes_with_the_head() {
    let server = Server::start().await;
    let Store::Memory(memory) = &server.store else { unreachable!("it is in memory") };
    let (alice, bob) = (server.token("alice", ""), server.token("bob", ""));
    let team = json!({"group_id": "team", "name": "The team", "member_ids": ["bob"]});
    server.post("/api/v1/groups", &alice, team).await.expect(201);
    let body = json!({"conversation": "g.team", "body": {"text": "read this", "must_confirm": {}}});
    let seq = server.post("/api/v1/messages", &alice, body).await.expect(201)["seq"].clone();
    until(&server, &bob, |lines| lines.len() == 1).await;
    memory.program(Rule::new(Fault::Fail).op(Op::Heads).times(usize::MAX));
    assert_eq!(list(&server, &bob).await[0]["confirm_seqs"], json!([seq]));
    assert_eq!(list(&server, &alice).await[0]["confirm_seqs"], json!([]), "it is her own");
    let path = format!("/api/v1/conversations/g.team/messages/{}/confirm", seq.as_str().unwrap());
    assert_eq!(server.post_nothing(&path, &bob).await.status, 204);
    assert_eq!(list(&server, &bob).await[0]["confirm_seqs"], json!([]));
}

#[tokio::test]
async fn read_marks_are_for_members() {
    let server = Server::start().await;
    let (alice, eve) = (server.token("alice", ""), server.token("eve", ""));
    let body = json!({"to_user": "bob", "body": {"text": "hi"}});
    server.post("/api/v1/messages", &alice, body).await.expect(201);
    let path = "/api/v1/conversations/d.alice.bob/read";
    server.post(path, &eve, json!({"seq": 1})).await.problem(403, "FORBIDDEN");
    server.post(path, &alice, json!({})).await.problem(400, "BAD_FIELD");
    server.post(path, &alice, json!({"seq": -1})).await.problem(400, "BAD_FIELD");
}

#[tokio::test]
async fn receipts_tell_how_far_the_other_is_and_only_to_members() {
    let (server, [alice, bob, carol]) = three().await;
    let direct = server.say(&alice, &bob, "one").await["conversation"].as_str().unwrap().to_owned();
    server.say(&alice, &bob, "two").await;
    let path = format!("/api/v1/conversations/{direct}/receipts");
    let told =
        async |person: &Person| server.get(&path, &person.access).await.expect(200)["receipts"].clone();
    assert_eq!(told(&alice).await, json!([{"user": bob.id, "delivered_seq": "0", "read_seq": "0"}]));
    // What one says is read by oneself, which is written within moments.
    let sender = json!([{"user": alice.id, "delivered_seq": "2", "read_seq": "2"}]);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while told(&bob).await != sender {
        assert!(tokio::time::Instant::now() < deadline, "{}", told(&bob).await);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }

    let read = format!("/api/v1/conversations/{direct}/read");
    assert_eq!(server.post(&read, &bob.access, json!({"seq": 1})).await.status, 204);
    assert_eq!(told(&alice).await, json!([{"user": bob.id, "delivered_seq": "1", "read_seq": "1"}]));

    server.get(&path, &carol.access).await.problem(403, "FORBIDDEN");
    let body = json!({"group_id": "team", "name": "The team", "member_ids": [bob.id]});
    server.post("/api/v1/groups", &alice.access, body).await.expect(201);
    let group = server.get("/api/v1/conversations/g.team/receipts", &alice.access).await.expect(200);
    assert_eq!(group["receipts"], json!([]), "groups tell none");
}

#[tokio::test]
async fn readers_are_all_who_were_there_with_what_they_read_page_by_page() {
    let (server, [alice, bob, carol]) = three().await;
    let body = json!({"group_id": "team", "name": "The team", "member_ids": [bob.id, carol.id]});
    server.post("/api/v1/groups", &alice.access, body).await.expect(201);
    let say = json!({"conversation": "g.team", "body": {"text": "who reads this?"}});
    let seq = server.post("/api/v1/messages", &alice.access, say).await.expect(201)["seq"].clone();
    let path = format!("/api/v1/conversations/g.team/messages/{}/readers", seq.as_str().unwrap());
    let read = json!({"seq": seq});
    assert_eq!(server.post("/api/v1/conversations/g.team/read", &bob.access, read).await.status, 204);
    let late = server.register("dora").await;
    let add = json!({"user_ids": [late.id]});
    server.post("/api/v1/groups/team/members", &alice.access, add).await.expect(200);

    let mut seen: Vec<(String, bool, bool)> = Vec::new();
    let mut page = path.clone() + "?limit=2";
    loop {
        let answer = server.get(&page, &carol.access).await.expect(200);
        for one in answer["readers"].as_array().unwrap() {
            let is = |name: &str| one[name].as_bool().unwrap();
            seen.push((one["user"].as_str().unwrap().to_owned(), is("delivered"), is("read")));
        }
        let Some(next) = answer["next_cursor"].as_str() else { break };
        page = format!("{path}?limit=2&cursor={next}");
    }
    let mut expected = vec![(bob.id.clone(), true, true), (carol.id.clone(), false, false)];
    expected.sort();
    assert_eq!(seen, expected, "neither the sender nor who came later");

    server.get(&path, &late.access).await.problem(404, "NOT_FOUND");
    let stranger = server.register("eve").await;
    server.get(&path, &stranger.access).await.problem(403, "FORBIDDEN");
    let none = "/api/v1/conversations/g.team/messages/99/readers";
    server.get(none, &alice.access).await.problem(404, "NOT_FOUND");

    let direct = server.say(&alice, &bob, "and this?").await["conversation"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/conversations/{direct}/messages/1/readers");
    let told = server.get(&path, &alice.access).await.expect(200);
    assert_eq!(told["readers"], json!([{"user": bob.id, "delivered": false, "read": false}]));
}
