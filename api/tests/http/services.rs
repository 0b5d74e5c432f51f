//! What services do: accounts, logging out, groups, and messages to many.

use api::{ApiConfig, Registration};
use proto::delivery::{Control, Payload};
use serde_json::{Value, json};

use super::server::{Server, config};

const KEY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[tokio::test]
async fn accounts_are_made_where_nobody_may_register() {
    let server = Server::with(ApiConfig { registration: Registration::Closed, ..config() }).await;
    let service = server.token("crm", "users:write");
    let make = |body: Value| server.post("/api/v1/server/users", &service, body);
    let log_in = |name: &str, password: &str| {
        server.post("/api/v1/auth/login", "", json!({"username": name, "password": password}))
    };
    let register = json!({"username": "dora", "password": "123456"});
    server.post("/api/v1/auth/register", "", register).await.problem(403, "FORBIDDEN");

    let dora =
        make(json!({"username": "Dora", "password": "123456", "email": "d@example.org"})).await.expect(201);
    assert_eq!((&dora["username"], &dora["nickname"]), (&json!("dora"), &json!("Dora")));
    let person = log_in("dora", "123456").await.person(200);
    assert_eq!(json!(person.id), dora["user_id"]);
    assert_eq!(server.get("/api/v1/users/me", &person.access).await.expect(200), dora);

    let chosen = make(json!({"username": "emil", "user_id": 4711})).await.expect(201);
    assert_eq!(chosen["user_id"], json!("4711"));
    for password in ["", "123456"] {
        log_in("emil", password).await.problem(401, "BAD_CREDENTIALS");
    }
    let me = server.get("/api/v1/users/me", &server.token("4711", "")).await.expect(200);
    assert_eq!(me, chosen, "who comes with a token of another issuer has the account");

    for (body, at_fault) in [
        (json!({"username": "EMIL"}), "username: taken"),
        (json!({"username": "fritz", "user_id": "4711"}), "user_id: taken"),
    ] {
        assert_eq!(make(body).await.problem(409, "CONFLICT"), at_fault);
    }
    for (body, at_fault) in [
        (json!({"username": "two words"}), "username"),
        (json!({"username": "fritz", "user_id": "two words"}), "user_id"),
        (json!({"username": "fritz", "password": "12345"}), "password"),
        (json!({"username": "fritz", "email": "x"}), "email"),
        (json!({}), ""),
    ] {
        let detail = make(body).await.problem(400, "BAD_FIELD");
        assert!(detail.starts_with(at_fault), "{detail}");
    }
}

#[tokio::test]
async fn users_are_logged_out_everywhere_with_an_account_or_without() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let service = server.token("crm", "sessions:end");
    for user in [alice.id.as_str(), "google|7"] {
        let mut listener = server.listen(user);
        let path = format!("/api/v1/server/users/{user}/sessions");
        assert_eq!(server.delete(&path, &service).await.status, 204);
        let is_it = |delivery: &proto::Delivery| {
            matches!(delivery.payload, Payload::Control(Control::Revoke(None))).then_some(())
        };
        listener.hear(is_it).await;
    }
    let refresh = json!({"refresh_token": alice.refresh});
    server.post("/api/v1/auth/refresh", "", refresh).await.problem(401, "UNAUTHENTICATED");
    server.delete("/api/v1/server/users/a%20b/sessions", &service).await.problem(400, "BAD_FIELD");
}

#[tokio::test]
async fn what_two_users_are_to_each_other_is_told_from_both_sides() {
    let server = Server::start().await;
    let [alice, bob] = ["alice", "bob"].map(|name| server.token(name, ""));
    let service = server.token("market", "contacts:read");
    let is = async |user: &str, peer: &str| {
        let found = server.get(&format!("/api/v1/server/users/{user}/relations/{peer}"), &service).await;
        let found = found.expect(200);
        assert_eq!((&found["user"], &found["peer"]), (&json!(user), &json!(peer)));
        (found["friend_since"].is_string(), found["blocked"] == true, found["blocked_by"] == true)
    };
    let nothing = (false, false, false);
    assert_eq!((is("alice", "bob").await, is("alice", "nobody").await), (nothing, nothing));
    server.post("/api/v1/friends/apply", &alice, json!({"user_id": "bob"})).await.expect(200);
    assert_eq!(is("alice", "bob").await, nothing, "asked is not answered");
    server.post_nothing("/api/v1/friends/requests/alice/accept", &bob).await.expect(200);
    let friends = (true, false, false);
    assert_eq!((is("alice", "bob").await, is("bob", "alice").await), (friends, friends));
    server.post("/api/v1/blocks", &bob, json!({"user_id": "alice"})).await.expect(200);
    let (of_alice, of_bob) = (is("alice", "bob").await, is("bob", "alice").await);
    assert_eq!((of_alice.1, of_alice.2), (false, true));
    assert_eq!((of_bob.1, of_bob.2), (true, false));
    for (path, at_fault) in [("a%20b/relations/bob", "user_id"), ("bob/relations/a%20b", "peer")] {
        let wrong = server.get(&format!("/api/v1/server/users/{path}"), &service).await;
        assert!(wrong.problem(400, "BAD_FIELD").starts_with(at_fault));
    }
}

#[tokio::test]
async fn a_service_keeps_a_group_that_it_is_no_member_of() {
    let server = Server::start().await;
    let service = server.token("crm", "groups:manage");
    let make = json!({"group_id": "team", "name": "Team", "owner": "anna", "member_ids": ["bert", "cora"]});
    server.post("/api/v1/groups", &service, make.clone()).await.expect(201);
    let by_user = server.post("/api/v1/groups", &server.token("eve", ""), make).await;
    assert!(by_user.problem(403, "FORBIDDEN").contains("`groups:manage`"));
    let at = |path: &str| format!("/api/v1/groups/team{path}");
    let group = server.get(&at(""), &service).await.expect(200);
    assert_eq!((&group["owner"], &group["members"]), (&json!("anna"), &json!(3)));

    server.patch(&at(""), &service, json!({"name": "The team"})).await.expect(200);
    server.post(&at("/members"), &service, json!({"user_ids": ["dora"]})).await.expect(200);
    server.put(&at("/members/bert/role"), &service, json!({"role": "admin"})).await.expect(200);
    server.put(&at("/members/cora/mute"), &service, json!({"duration_ms": 60_000})).await.expect(200);
    server.delete(&at("/members/bert"), &service).await.expect(200);
    server.put(&at("/owner"), &service, json!({"user_id": "dora"})).await.expect(200);
    let members = server.get(&at("/members"), &service).await.expect(200);
    let members: Vec<_> =
        members["members"].as_array().unwrap().iter().map(|member| &member["user"]).collect();
    assert_eq!(members, ["anna", "cora", "dora"]);

    let listed = server.get("/api/v1/groups?user_id=cora", &service).await.expect(200);
    assert_eq!(listed["groups"][0]["name"], json!("The team"));
    let own = server.get("/api/v1/groups?user_id=cora", &server.token("cora", "")).await.expect(200);
    assert_eq!(own, listed);
    let nosy = server.get("/api/v1/groups?user_id=cora", &server.token("anna", "")).await;
    assert!(nosy.problem(403, "FORBIDDEN").contains("`groups:manage`"));
    server.delete(&at(""), &service).await.expect(200);
    assert_eq!(server.get(&at(""), &service).await.expect(200)["dismissed"], json!(true));
}

#[tokio::test]
async fn a_service_speaks_in_groups_in_its_own_name_and_in_others() {
    let server = Server::start().await;
    let (anna, service) = (server.token("anna", ""), server.token("crm", "messages:send"));
    let make = json!({"group_id": "team", "name": "Team", "read_only": true, "member_ids": ["bert"]});
    server.post("/api/v1/groups", &anna, make).await.expect(201);
    for body in [
        json!({"conversation": "g.team", "body": {"system": {"notice": {"text": "maintenance at noon"}}}}),
        json!({"conversation": "g.team", "body": {"text": "hi"}, "sender": "bert"}),
    ] {
        server.post("/api/v1/messages", &service, body).await.expect(201);
    }
    let page = server.get("/api/v1/conversations/g.team/messages?limit=2", &anna).await.expect(200);
    let mut said: Vec<_> =
        page["messages"].as_array().unwrap().iter().map(|entry| (&entry["sender"], &entry["body"])).collect();
    said.sort_by_key(|(sender, _)| sender.to_string());
    assert_eq!(
        said,
        [
            (&json!("bert"), &json!({"text": "hi"})),
            (&json!("crm"), &json!({"system": {"notice": {"text": "maintenance at noon"}}})),
        ]
    );
}

#[tokio::test]
async fn one_message_to_many_is_one_for_each_and_the_same_again() {
    let server = Server::start().await;
    let service = server.token("crm", "messages:send");
    let body = json!({"toUsers": ["bob", 7, "carol"], "sender": "shop", "body": {"text": "sale"}, "client_message_id": KEY});
    let sent = server.post("/api/v1/messages", &service, body.clone()).await.expect(207);
    assert_eq!(sent["sent"], json!(3));
    let results = sent["results"].as_array().unwrap();
    for (result, user) in results.iter().zip(["bob", "7", "carol"]) {
        let message = &result["message"];
        assert_eq!((&result["user"], &result["problem"]), (&json!(user), &Value::Null));
        assert_eq!((&message["seq"], &message["client_message_id"]), (&json!("1"), &json!(KEY)));
        let path = format!("/api/v1/conversations/{}/messages", message["conversation"].as_str().unwrap());
        let page = server.get(&path, &server.token(user, "")).await.expect(200);
        let entry = &page["messages"][0];
        assert_eq!((&entry["sender"], &entry["body"]), (&json!("shop"), &json!({"text": "sale"})));
    }
    assert_eq!(server.post("/api/v1/messages", &service, body).await.expect(207), sent);

    let notice = json!({"to_users": ["bob"], "body": {"system": {"notice": {"text": "be nice"}}}});
    let sent = server.post("/api/v1/messages", &service, notice).await.expect(207);
    assert_eq!(sent["results"][0]["message"]["conversation"], json!("d.bob.crm"));
    let by_user = json!({"to_users": ["bob"], "body": {"text": "spam"}});
    let refused = server.post("/api/v1/messages", &server.token("eve", ""), by_user).await;
    assert!(refused.problem(403, "FORBIDDEN").contains("`messages:send`"));
}

#[tokio::test]
async fn what_is_wrong_with_many_is_named_and_nothing_is_sent() {
    let server = Server::start().await;
    let service = server.token("crm", "messages:send");
    let many: Vec<String> = (0..101).map(|number| format!("u{number}")).collect();
    for (to, at_fault) in [
        (json!({"to_users": []}), "to_users:"),
        (json!({"to_users": many}), "to_users:"),
        (json!({"to_users": ["bob", "two words"]}), "to_users[1]:"),
        (json!({"to_users": ["bob", "carol", "bob"]}), "to_users[2]:"),
        (json!({"to_users": ["bob"], "to_user": "carol"}), "to_user:"),
        (json!({"to_users": ["bob"], "conversation": "g.team"}), "conversation:"),
        (json!({"to_users": "bob"}), "to_users:"),
    ] {
        let mut body = to;
        body["body"] = json!({"text": "hi"});
        let detail = server.post("/api/v1/messages", &service, body).await.problem(400, "BAD_FIELD");
        assert!(detail.starts_with(at_fault), "{detail}");
    }
    let body = json!({"to_users": ["bob"], "body": {"text": ""}});
    server.post("/api/v1/messages", &service, body).await.problem(400, "BAD_FIELD");
    let history = server.get("/api/v1/conversations/d.bob.crm/messages", &server.token("bob", "")).await;
    assert!(history.status == 403 || history.json["messages"] == json!([]), "{}", history.text);
}

/// What does not fit is told for each, and the same call reaches the rest without a second message to anybody.
#[tokio::test]
async fn who_was_not_reached_is_reached_by_the_same_call() {
    let server = Server::with(ApiConfig { pending_commands_max: 2, ..config() }).await;
    let service = server.token("crm", "messages:send");
    let users: Vec<String> = (0..5).map(|number| format!("u{number}")).collect();
    let body = json!({"to_users": users, "body": {"text": "sale"}, "client_message_id": KEY});
    let sent = server.post("/api/v1/messages", &service, body).await.expect(207);
    assert_eq!(sent["sent"], json!(2));
    let refused: Vec<&Value> =
        sent["results"].as_array().unwrap().iter().filter(|result| result["message"].is_null()).collect();
    assert_eq!(refused.len(), 3);
    for result in &refused {
        let problem = &result["problem"];
        assert_eq!((&problem["name"], &problem["status"]), (&json!("BUSY"), &json!(503)));
        assert!(problem["retry_after_ms"].as_u64().unwrap() > 0);
    }
    let rest: Vec<&Value> =
        sent["results"].as_array().unwrap().iter().map(|result| &result["user"]).rev().collect();
    for pair in rest.chunks(2) {
        let body = json!({"to_users": pair, "body": {"text": "sale"}, "client_message_id": KEY});
        let sent = server.post("/api/v1/messages", &service, body).await.expect(207);
        for result in sent["results"].as_array().unwrap() {
            assert_eq!(result["message"]["seq"], json!("1"), "{result}");
        }
    }
}
