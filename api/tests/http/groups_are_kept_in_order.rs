//! Profile, roles, mutes, nicknames, handing over, and the entries that tell it.

use serde_json::{Value, json};

use super::server::Server;

const TEAM: &str = "/api/v1/groups/team";

async fn team(server: &Server, members: &[&str]) -> String {
    let owner = server.token("olga", "");
    let body = json!({"group_id": "team", "name": "Team", "member_ids": members});
    server.post("/api/v1/groups", &owner, body).await.expect(201);
    owner
}

/// The newest change that the history shows.
async fn newest(server: &Server, token: &str) -> Value {
    let page = server.get("/api/v1/conversations/g.team/messages?limit=1", token).await.expect(200);
    page["messages"].as_array().unwrap().last().unwrap()["body"]["system"].clone()
}

async fn says(server: &Server, token: &str) -> super::server::Answer {
    server.post("/api/v1/messages", token, json!({"conversation": "g.team", "body": {"text": "hi"}})).await
}

#[tokio::test]
async fn what_a_group_is_changes_field_by_field() {
    let server = Server::start().await;
    let settings = json!({
        "group_id": "team", "name": "Team", "description": "us", "attributes": {"colour": "blue", "size": "5"},
        "join": "request", "history": "whole", "member_ids": ["ann"],
    });
    let olga = server.token("olga", "");
    server.post("/api/v1/groups", &olga, settings).await.expect(201);
    let ann = server.token("ann", "");
    let edit = json!({"name": "The team", "announcement": "Lunch", "avatar": "f1",
        "attributes": {"colour": null, "size": "6"}, "readOnly": true});
    server.patch(TEAM, &ann, edit.clone()).await.problem(403, "FORBIDDEN");
    server.patch(TEAM, &olga, edit.clone()).await.expect(200);
    let shown = newest(&server, &ann).await;
    assert_eq!(
        shown["edited"],
        json!({"name": "The team", "announcement": "Lunch", "avatar": "f1", "read_only": true,
            "attributes": [{"name": "colour"}, {"name": "size", "value": "6"}]})
    );
    let group = server.get(TEAM, &ann).await.expect(200);
    for (field, value) in [
        ("name", json!("The team")),
        ("description", json!("us")),
        ("announcement", json!("Lunch")),
        ("attributes", json!({"size": "6"})),
        ("join", json!("request")),
        ("history", json!("whole")),
        ("read_only", json!(true)),
    ] {
        assert_eq!(group[field], value, "{field}");
    }
    let again = server.patch(TEAM, &olga, edit).await.expect(200);
    assert_eq!(again["seq"], json!("0"), "it is so already");
    says(&server, &ann).await.problem(403, "READ_ONLY");
    says(&server, &olga).await.expect(201);

    let wrong = server.patch(TEAM, &olga, json!({"name": ""})).await.problem(400, "BAD_FIELD");
    assert!(wrong.starts_with("name: "), "{wrong}");
    server.patch(TEAM, &olga, json!({"join": "never"})).await.problem(400, "BAD_FIELD");
    server.patch(TEAM, &olga, json!({"members_max": 9})).await.problem(403, "FORBIDDEN");
    let service = server.token("svc", "server");
    server.patch(TEAM, &service, json!({"members_max": 2})).await.expect(200);
    let full = json!({"user_ids": ["bob"]});
    server.post(&format!("{TEAM}/members"), &service, full).await.problem(409, "GROUP_FULL");
    server.get(TEAM, &service).await.expect(200);
}

#[tokio::test]
async fn an_admin_mutes_and_the_muted_learn_how_long() {
    let server = Server::start().await;
    let olga = team(&server, &["bob", "carol"]).await;
    let [bob, carol] = ["bob", "carol"].map(|name| server.token(name, ""));
    let role = format!("{TEAM}/members/bob/role");
    server.put(&role, &carol, json!({"role": "admin"})).await.problem(403, "FORBIDDEN");
    server.put(&role, &olga, json!({"role": "owner"})).await.problem(400, "BAD_FIELD");
    server.put(&role, &olga, json!({"role": "admin"})).await.expect(200);
    assert_eq!(newest(&server, &carol).await, json!({"role_set": {"users": ["bob"], "role": "admin"}}));

    let mute = format!("{TEAM}/members/carol/mute");
    server.put(&mute, &bob, json!({"duration_ms": 60_000})).await.expect(200);
    let refused = says(&server, &carol).await;
    let wait = refused.json["retry_after_ms"].as_u64().unwrap();
    assert!((1..=60_000).contains(&wait), "{wait}");
    refused.problem(403, "MUTED");
    let member = server.get(&format!("{TEAM}/members/carol"), &bob).await.expect(200);
    assert_ne!(member["muted_until"], json!("0"));
    server.put(&format!("{TEAM}/members/olga/mute"), &bob, json!({})).await.problem(403, "FORBIDDEN");
    server.delete(&mute, &bob).await.expect(200);
    says(&server, &carol).await.expect(201);

    server.put(&format!("{TEAM}/mute"), &bob, json!({})).await.expect(200);
    says(&server, &carol).await.problem(403, "MUTED");
    says(&server, &bob).await.expect(201);
    assert_ne!(server.get(TEAM, &carol).await.expect(200)["muted_until"], json!("0"));
    server.delete(&format!("{TEAM}/mute"), &bob).await.expect(200);
    assert_eq!(newest(&server, &carol).await, json!({"all_muted": {"until": "0"}}));
    says(&server, &carol).await.expect(201);
    let both = json!({"duration_ms": 5, "until": 5});
    server.put(&format!("{TEAM}/mute"), &bob, both).await.problem(400, "BAD_FIELD");
}

#[tokio::test]
async fn members_have_nicknames_and_the_list_says_all_of_them() {
    let server = Server::start().await;
    let olga = team(&server, &["bob"]).await;
    let bob = server.token("bob", "");
    let own = format!("{TEAM}/members/me/nickname");
    server.put(&own, &bob, json!({"nickname": "ü".repeat(51)})).await.problem(400, "BAD_FIELD");
    server.put(&own, &bob, json!({"nickname": "Bobby"})).await.expect(200);
    let of_olga = format!("{TEAM}/members/olga/nickname");
    server.put(&of_olga, &bob, json!({"nickname": "Boss"})).await.problem(403, "FORBIDDEN");
    let members = server.get(&format!("{TEAM}/members"), &olga).await.expect(200);
    let named = |at: usize| &members["members"][at];
    assert_eq!((&named(0)["user"], &named(0)["nickname"]), (&json!("bob"), &json!("Bobby")));
    assert_eq!((&named(0)["role"], &named(0)["muted_until"]), (&json!("member"), &json!("0")));
    assert_eq!((&named(1)["role"], &named(1)["nickname"]), (&json!("owner"), &json!("")));
    server.get(&format!("{TEAM}/members/nobody"), &olga).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_group_is_handed_over_and_dismissed_by_its_new_owner() {
    let server = Server::start().await;
    let olga = team(&server, &["bob"]).await;
    let bob = server.token("bob", "");
    let owner = format!("{TEAM}/owner");
    server.put(&owner, &bob, json!({"user_id": "bob"})).await.problem(403, "FORBIDDEN");
    server.put(&owner, &olga, json!({"user_id": "eve"})).await.problem(404, "NOT_FOUND");
    server.put(&owner, &olga, json!({"user_id": "bob"})).await.expect(200);
    assert_eq!(newest(&server, &bob).await, json!({"transferred": {"from": "olga", "to": "bob"}}));
    assert_eq!(server.get(TEAM, &olga).await.expect(200)["owner"], json!("bob"));
    server.delete(TEAM, &olga).await.problem(403, "FORBIDDEN");
    server.delete(TEAM, &bob).await.expect(200);
    says(&server, &bob).await.problem(410, "DISMISSED");
}

#[tokio::test]
async fn a_service_makes_groups_for_others() {
    let server = Server::start().await;
    let (service, alice) = (server.token("svc", "server"), server.token("alice", ""));
    let body = json!({"group_id": "team", "name": "Team", "owner": "alice", "members_max": 5_000});
    server.post("/api/v1/groups", &alice, body.clone()).await.problem(403, "FORBIDDEN");
    let owned = json!({"group_id": "other", "name": "Team", "owner": "bob"});
    server.post("/api/v1/groups", &alice, owned).await.problem(403, "FORBIDDEN");
    let made = server.post("/api/v1/groups", &service, body).await.expect(201);
    assert_eq!((&made["owner"], &made["members"]), (&json!("alice"), &json!(1)));
    let members: Vec<String> = (0..999).map(|number| format!("u{number}")).collect();
    for part in 0..3 {
        let users: Vec<String> = members.iter().map(|name| format!("{name}-{part}")).collect();
        server.post(&format!("{TEAM}/members"), &service, json!({"user_ids": users})).await.expect(200);
    }
    let group = server.get(TEAM, &alice).await.expect(200);
    assert_eq!((&group["members"], &group["members_max"]), (&json!(2_998), &json!(5_000)));
}
