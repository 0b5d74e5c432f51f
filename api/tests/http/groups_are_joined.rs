//! Coming into groups: by request, by invitation, through a link; and into how many.

use serde_json::{Value, json};

use super::server::Server;

const TEAM: &str = "/api/v1/groups/team";

async fn joined_by(server: &Server, join: &str) -> String {
    let olga = server.token("olga", "");
    let body = json!({"group_id": "team", "name": "Team", "join": join});
    server.post("/api/v1/groups", &olga, body).await.expect(201);
    olga
}

async fn join(server: &Server, token: &str, body: Value) -> super::server::Answer {
    server.post(&format!("{TEAM}/members"), token, body).await
}

#[tokio::test]
async fn who_asks_waits_until_somebody_answers() {
    let server = Server::start().await;
    let olga = joined_by(&server, "request").await;
    let [bob, eve] = ["bob", "eve"].map(|name| server.token(name, ""));
    join(&server, &bob, json!({})).await.problem(403, "JOIN_CLOSED");
    let requests = format!("{TEAM}/join-requests");
    let asked = server.post(&requests, &bob, json!({"note": "please"})).await.expect(200);
    assert_eq!((&asked["pending"], &asked["members"]), (&json!(true), &json!(1)));
    let again = server.post(&requests, &bob, json!({"note": "please"})).await.expect(200);
    assert_eq!((&again["pending"], &again["seq"]), (&json!(true), &json!("0")), "asked once");
    server.post_nothing(&requests, &eve).await.expect(200);
    server.get(&requests, &bob).await.problem(404, "NOT_FOUND");
    let waiting = server.get(&requests, &olga).await.expect(200);
    let names: Vec<&Value> =
        waiting["requests"].as_array().unwrap().iter().map(|request| &request["user"]).collect();
    assert_eq!(names, ["bob", "eve"]);
    assert_eq!(waiting["requests"][0]["note"], json!("please"));

    server.post_nothing(&format!("{requests}/bob/approve"), &eve).await.problem(403, "FORBIDDEN");
    server.post_nothing(&format!("{requests}/bob/approve"), &olga).await.expect(200);
    server.post_nothing(&format!("{requests}/eve/reject"), &olga).await.expect(200);
    server.post_nothing(&format!("{requests}/eve/approve"), &olga).await.problem(404, "NOT_FOUND");
    assert_eq!(server.get(&requests, &olga).await.expect(200)["requests"], json!([]));
    server.get(TEAM, &bob).await.expect(200);
    server.get(TEAM, &eve).await.problem(404, "NOT_FOUND");
    server.get(&requests, &bob).await.problem(403, "FORBIDDEN");
}

#[tokio::test]
async fn who_is_invited_joins_or_declines() {
    let server = Server::start().await;
    let olga = joined_by(&server, "invitation").await;
    let [bob, eve] = ["bob", "eve"].map(|name| server.token(name, ""));
    let invitations = format!("{TEAM}/invitations");
    server.post_nothing(&format!("{TEAM}/join-requests"), &bob).await.problem(403, "JOIN_CLOSED");
    server.post(&invitations, &bob, json!({"user_ids": ["eve"]})).await.problem(403, "FORBIDDEN");
    let never = json!({"user_ids": ["eve"], "expires_in_ms": 0});
    server.post(&invitations, &olga, never).await.problem(400, "BAD_FIELD");
    server.post(&invitations, &olga, json!({"user_ids": ["bob", "eve"]})).await.expect(200);
    let listed = server.get(&invitations, &olga).await.expect(200);
    assert_eq!(listed["invitations"].as_array().unwrap().len(), 2);
    assert_eq!(listed["invitations"][0]["by"], json!("olga"));
    join(&server, &bob, json!({})).await.expect(200);
    server.delete(&format!("{invitations}/me"), &eve).await.expect(200);
    join(&server, &eve, json!({})).await.problem(403, "JOIN_CLOSED");
    assert_eq!(server.get(&invitations, &olga).await.expect(200)["invitations"], json!([]));
}

/// What lists show follows within a second.
async fn invited(server: &Server, token: &str, groups: &[&str]) -> Value {
    for _ in 0..3_000 {
        let listed = server.get("/api/v1/invitations", token).await.expect(200);
        let all = listed["invitations"].as_array().unwrap();
        if all.iter().map(|one| one["group"].as_str().unwrap()).eq(groups.iter().copied()) {
            return listed;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("never invited to {groups:?}")
}

#[tokio::test]
async fn who_is_invited_lists_accepts_and_declines_without_knowing_of_whom() {
    let server = Server::start().await;
    let olga = joined_by(&server, "invitation").await;
    let body = json!({"group_id": "choir", "name": "Choir", "join": "invitation"});
    server.post("/api/v1/groups", &olga, body).await.expect(201);
    let bob = server.token("bob", "");
    invited(&server, &bob, &[]).await;
    for group in ["team", "choir"] {
        let path = format!("/api/v1/groups/{group}/invitations");
        server.post(&path, &olga, json!({"user_ids": ["bob"]})).await.expect(200);
        if group == "team" {
            invited(&server, &bob, &["team"]).await;
        }
    }
    let listed = invited(&server, &bob, &["choir", "team"]).await;
    let first = &listed["invitations"][0];
    assert_eq!(
        (&first["name"], &first["by"], &first["members"]),
        (&json!("Choir"), &json!("olga"), &json!(1))
    );
    let page = server.get("/api/v1/invitations?limit=1", &bob).await.expect(200);
    assert_eq!(page["invitations"], json!([first]));
    let next = page["next_cursor"].as_str().unwrap();
    let rest = server.get(&format!("/api/v1/invitations?limit=9&cursor={next}"), &bob).await.expect(200);
    assert_eq!((&rest["invitations"][0]["group"], &rest["next_cursor"]), (&json!("team"), &Value::Null));
    server.get("/api/v1/invitations?cursor=x", &bob).await.problem(400, "BAD_FIELD");

    server.post_nothing("/api/v1/invitations/team/decline", &bob).await.expect(200);
    invited(&server, &bob, &["choir"]).await;
    server.post_nothing("/api/v1/invitations/team/accept", &bob).await.problem(403, "JOIN_CLOSED");
    let accepted = server.post_nothing("/api/v1/invitations/choir/accept", &bob).await.expect(200);
    assert_eq!(accepted["members"], json!(2));
    invited(&server, &bob, &[]).await;
    server.post_nothing("/api/v1/invitations/choir/accept", &bob).await.expect(200);
    server.post_nothing("/api/v1/invitations/nowhere/decline", &bob).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_link_lets_in_who_shows_its_token() {
    let server = Server::start().await;
    let olga = joined_by(&server, "invitation").await;
    let [bob, eve] = ["bob", "eve"].map(|name| server.token(name, ""));
    let links = format!("{TEAM}/links");
    server.post_nothing(&links, &bob).await.problem(403, "FORBIDDEN");
    let made = server.post(&links, &olga, json!({"uses_max": 1})).await.expect(201);
    let token = |made: &Value| json!({"link_token": made["token"]});
    join(&server, &bob, json!({"link_token": "nonsense"})).await.problem(400, "BAD_FIELD");
    join(&server, &bob, token(&made)).await.expect(200);
    join(&server, &bob, Value::Null).await.expect(200);
    join(&server, &eve, token(&made)).await.problem(403, "JOIN_CLOSED");
    assert_eq!(server.get(&links, &olga).await.expect(200)["links"], json!([]), "used up");

    let made = server.post_nothing(&links, &olga).await.expect(201);
    let listed = server.get(&links, &olga).await.expect(200);
    assert_eq!(listed["links"][0]["link_id"], made["link_id"]);
    assert!(!listed.to_string().contains(made["token"].as_str().unwrap()), "told once");
    let history = server.get("/api/v1/conversations/g.team/messages", &bob).await.expect(200);
    assert!(!history.to_string().contains(made["token"].as_str().unwrap()), "to its maker alone");
    let path = format!("{links}/{}", made["link_id"].as_str().unwrap());
    server.delete(&path, &bob).await.problem(403, "FORBIDDEN");
    server.delete(&path, &olga).await.expect(200);
    join(&server, &eve, token(&made)).await.problem(403, "JOIN_CLOSED");
}

/// The tests' server allows 20 groups for each user.
#[tokio::test]
async fn nobody_comes_into_more_groups_than_allowed() {
    let server = Server::start().await;
    let [alice, bob] = ["alice", "bob"].map(|name| server.token(name, ""));
    for number in 0..19 {
        let body = json!({"group_id": format!("g{number:02}"), "name": "One of many"});
        server.post("/api/v1/groups", &alice, body).await.expect(201);
    }
    // There is room when she asks, and none when she is let in.
    let asked = json!({"group_id": "asked", "name": "Later", "join": "request"});
    server.post("/api/v1/groups", &bob, asked).await.expect(201);
    server.post_nothing("/api/v1/groups/asked/join-requests", &alice).await.expect(200);
    let twentieth = json!({"group_id": "g19", "name": "One of many"});
    server.post("/api/v1/groups", &alice, twentieth).await.expect(201);
    let approve = "/api/v1/groups/asked/join-requests/alice/approve";
    server.post_nothing(approve, &bob).await.problem(409, "TOO_MANY");
    let one_more = json!({"group_id": "team", "name": "One more"});
    let said = server.post("/api/v1/groups", &alice, one_more.clone()).await.problem(409, "TOO_MANY");
    assert!(said.contains("alice") && said.contains("20"), "{said}");
    server.post("/api/v1/groups", &bob, one_more).await.expect(201);
    join(&server, &alice, json!({})).await.problem(409, "TOO_MANY");
    join(&server, &bob, json!({"user_ids": ["alice"]})).await.problem(409, "TOO_MANY");
    server.delete("/api/v1/groups/g00", &alice).await.expect(200);

    let (mut seen, mut path) = (Vec::new(), "/api/v1/groups?limit=7".to_owned());
    loop {
        let page = server.get(&path, &alice).await.expect(200);
        seen.extend(page["groups"].as_array().unwrap().iter().map(|group| group["group_id"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/groups?limit=7&cursor={next}");
    }
    let expected: Vec<Value> = (0..20).map(|number| json!(format!("g{number:02}"))).collect();
    assert_eq!(seen, expected, "page by page, in order");
}
