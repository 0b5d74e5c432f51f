//! Users of another backend log in with the passwords that they had there.

use proto::UserId;
use serde_json::json;
use store::{Fault, Op, Rule, Store};

use super::server::{Answer, Server};

/// Of `U*U`, from the test vectors of crypt_blowfish.
const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
/// Of `password`, from the test vectors of the reference implementation.
const ARGON2ID: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

async fn import(server: &Server, hash: &str) -> Answer {
    let body = json!({"username": "dora", "user_id": "dora", "password_hash": hash});
    server.post("/api/v1/server/users", &server.token("crm", "users:write"), body).await
}

async fn log_in(server: &Server, password: &str) -> Answer {
    server.post("/api/v1/auth/login", "", json!({"username": "dora", "password": password})).await
}

async fn stored(server: &Server) -> String {
    let user = UserId::parse("dora").unwrap();
    server.store.account(&user).await.unwrap().unwrap().password_hash
}

fn is_ours(hash: &str) -> bool {
    hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
}

#[tokio::test]
async fn the_first_login_replaces_the_hash() {
    let bcrypt = ["$2a$", "$2b$", "$2y$"].map(|version| (BCRYPT.replace("$2a$", version), "U*U"));
    for (hash, password) in bcrypt.into_iter().chain([(ARGON2ID.to_owned(), "password")]) {
        let server = Server::start().await;
        let made = import(&server, &hash).await.expect(201);
        assert!(!made.to_string().contains(&hash), "nobody is shown it");
        log_in(&server, "something else").await.problem(401, "BAD_CREDENTIALS");
        assert_eq!(stored(&server).await, hash, "a wrong password changes nothing");
        assert_eq!(log_in(&server, password).await.person(200).id, "dora");
        let replaced = stored(&server).await;
        assert!(is_ours(&replaced), "{replaced}");
        log_in(&server, password).await.expect(200);
        assert_eq!(stored(&server).await, replaced, "once");
        log_in(&server, "something else").await.problem(401, "BAD_CREDENTIALS");
    }
}

#[tokio::test]
async fn a_login_goes_on_though_the_new_hash_cannot_be_written() {
    let server = Server::start().await;
    let Store::Memory(memory) = &server.store else { unreachable!("it is in memory") };
    import(&server, BCRYPT).await.expect(201);
    memory.program(Rule::new(Fault::UnknownNever).op(Op::UpdateAccount).times(usize::MAX));
    log_in(&server, "U*U").await.expect(200);
    assert_eq!(stored(&server).await, BCRYPT);
    memory.heal();
    log_in(&server, "U*U").await.expect(200);
    assert!(is_ours(&stored(&server).await));
}

#[tokio::test]
async fn a_password_can_be_changed_before_its_hash_was_replaced() {
    let server = Server::start().await;
    import(&server, BCRYPT).await.expect(201);
    let body = json!({"old_password": "U*U", "new_password": "654321"});
    let token = server.token("dora", "");
    assert_eq!(server.post("/api/v1/users/me/password", &token, body).await.status, 204);
    assert!(is_ours(&stored(&server).await));
    log_in(&server, "654321").await.expect(200);
    log_in(&server, "U*U").await.problem(401, "BAD_CREDENTIALS");
}

#[tokio::test]
async fn other_hashes_are_refused_with_what_is_allowed() {
    let server = Server::start().await;
    for hash in [
        String::new(),
        "5f4dcc3b5aa765d61d8327deb882cf99".to_owned(),
        BCRYPT.replace("$05$", "$15$"),
        BCRYPT.replace("$2a$", "$2x$"),
        ARGON2ID.replace("m=65536", "m=1048576"),
        ARGON2ID.replace("argon2id", "argon2i"),
    ] {
        let detail = import(&server, &hash).await.problem(400, "BAD_FIELD");
        assert!(detail.starts_with("password_hash: must be bcrypt"), "{detail}");
        assert!(detail.contains("4 to 14") && detail.contains("argon2id"), "{detail}");
    }
    let both = json!({"username": "dora", "password": "123456", "password_hash": BCRYPT});
    let service = server.token("crm", "users:write");
    let detail = server.post("/api/v1/server/users", &service, both).await.problem(400, "BAD_FIELD");
    assert!(detail.starts_with("password_hash: not beside"), "{detail}");
    log_in(&server, "U*U").await.problem(401, "BAD_CREDENTIALS");
}
