//! Groups over HTTP.

use serde_json::{Value, json};

use super::server::Server;

#[tokio::test]
async fn group_is_made_listed_changed_and_ended() {
    let server = Server::start().await;
    let people =
        [server.register("alice").await, server.register("bob").await, server.register("carol").await];
    let [alice, bob, carol] = &people;
    let body =
        json!({"group_id": "team", "name": "The team", "member_ids": [bob.id.parse::<u64>().unwrap()]});
    let made = server.post("/api/v1/groups", &alice.access, body.clone()).await.expect(201);
    let expected = json!({
        "group_id": "team", "conversation": "g.team", "name": "The team", "owner": alice.id, "members": 2
    });
    assert_eq!(made, expected);
    server.post("/api/v1/groups", &carol.access, body).await.problem(409, "CONFLICT");

    // The next call already shows it.
    let seen = server.get("/api/v1/groups/team", &bob.access).await.expect(200);
    assert_eq!(
        (&seen["name"], &seen["members"], &seen["dismissed"]),
        (&json!("The team"), &json!(2), &json!(false))
    );
    let listed = server.get("/api/v1/groups", &bob.access).await.expect(200);
    assert_eq!(listed["groups"], json!([seen]));
    server.get("/api/v1/groups/team", &carol.access).await.problem(404, "NOT_FOUND");
    server.get("/api/v1/groups/team/members", &carol.access).await.problem(404, "NOT_FOUND");

    let joined = server.post_nothing("/api/v1/groups/team/members", &carol.access).await.expect(200);
    assert_eq!((&joined["members"], &joined["conversation"]), (&json!(3), &json!("g.team")));
    let again = server.post_nothing("/api/v1/groups/team/members", &carol.access).await.expect(200);
    assert_eq!((&again["members"], &again["seq"]), (&json!(3), &json!("0")), "nothing had to change");

    let added = json!({"userIds": ["dave", 42]});
    server.post("/api/v1/groups/team/members", &carol.access, added.clone()).await.problem(403, "FORBIDDEN");
    let added = server.post("/api/v1/groups/team/members", &alice.access, added).await.expect(200);
    assert_eq!(added["members"], json!(5));

    let removed = server.delete("/api/v1/groups/team/members/dave", &alice.access).await.expect(200);
    assert_eq!(removed["members"], json!(4));
    server.delete("/api/v1/groups/team/members/me", &carol.access).await.expect(200);
    server.delete(&format!("/api/v1/groups/team/members/{}", bob.id), &bob.access).await.expect(200);
    server.delete("/api/v1/groups/team/members/me", &alice.access).await.problem(409, "OWNER_MUST_STAY");

    server.delete("/api/v1/groups/team", &carol.access).await.problem(403, "FORBIDDEN");
    server.delete("/api/v1/groups/team", &alice.access).await.expect(200);
    server.post_nothing("/api/v1/groups/team/members", &bob.access).await.problem(410, "DISMISSED");
    let seen = server.get("/api/v1/groups/team", &alice.access).await.expect(200);
    assert_eq!(seen["dismissed"], json!(true));
}

#[tokio::test]
async fn members_come_page_by_page() {
    let server = Server::start().await;
    let owner = server.token("owner", "");
    let names: Vec<String> = (0..25).map(|n| format!("user{n:02}")).collect();
    let body = json!({"group_id": "team", "name": "Team", "member_ids": names});
    server.post("/api/v1/groups", &owner, body).await.expect(201);

    let (mut seen, mut path) = (Vec::new(), "/api/v1/groups/team/members?limit=10".to_owned());
    loop {
        let page = server.get(&path, &owner).await.expect(200);
        seen.extend(page["members"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/groups/team/members?limit=10&cursor={next}");
    }
    let ids: Vec<&str> = seen.iter().map(|member| member["user"].as_str().unwrap()).collect();
    let expected: Vec<&str> = std::iter::once("owner").chain(names.iter().map(String::as_str)).collect();
    assert_eq!(ids, expected);
    assert_eq!((&seen[0]["role"], &seen[1]["role"]), (&json!("owner"), &json!("member")));
}

#[tokio::test]
async fn ids_are_made_up_or_checked() {
    let server = Server::start().await;
    let alice = server.token("alice", "");
    let make = |body: Value| server.post("/api/v1/groups", &alice, body);
    let one = make(json!({"name": "One"})).await.expect(201);
    let two = make(json!({"name": "One"})).await.expect(201);
    assert_ne!(one["group_id"], two["group_id"]);
    let refused = make(json!({"name": "x", "memberIds": ["bob", "two words"]})).await;
    assert!(refused.problem(400, "BAD_FIELD").starts_with("member_ids[1]: "));
    let refused = make(json!({"name": "x", "groupId": "two words"})).await;
    assert!(refused.problem(400, "BAD_FIELD").starts_with("group_id: "));
    make(json!({"name": ""})).await.problem(400, "BAD_FIELD");
    make(json!({})).await.problem(400, "BAD_FIELD");
    server.get("/api/v1/groups/none", &alice).await.problem(404, "NOT_FOUND");
    server.delete("/api/v1/groups/none", &alice).await.problem(404, "NOT_FOUND");
}
