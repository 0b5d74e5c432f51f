//! Changes of one account at the same time: each stays, or is refused.

use std::pin::pin;

use futures_util::future::{Either, join, select};
use proto::UserId;
use serde_json::{Value, json};
use store::{Account, Cas, Fault, Gate, Memory, Op, Rule, Store};

use super::server::{Answer, Person, Server, config};

/// A server on which nobody answers commands, a user, and the store's faults.
async fn start() -> (Server, Person, std::sync::Arc<Memory>) {
    let server = Server::without_router(config());
    let alice = server.register("alice").await;
    let Store::Memory(memory) = &server.store else { unreachable!("it is in memory") };
    let memory = memory.clone();
    (server, alice, memory)
}

/// The next write of an account waits.
fn hold(memory: &Memory) -> Gate {
    let gate = Gate::default();
    memory.program(Rule::new(Fault::HoldBefore(gate.clone())).op(Op::UpdateAccount));
    gate
}

/// Runs a request whose write comes after another request.
async fn overtaken(
    memory: &Memory,
    late: impl Future<Output = Answer>,
    early: impl Future<Output = Answer>,
) -> (Answer, Answer) {
    let gate = hold(memory);
    let early = async {
        gate.arrived(1).await;
        let answer = early.await;
        gate.open();
        answer
    };
    join(late, early).await
}

async fn rename(server: &Server, alice: &Person, nickname: &str) -> Answer {
    server.patch("/api/v1/users/me", &alice.access, json!({"nickname": nickname})).await
}

async fn change_password(server: &Server, alice: &Person, new: &str) -> Answer {
    let body = json!({"old_password": "123456", "new_password": new});
    server.post("/api/v1/users/me/password", &alice.access, body).await
}

async fn disable(server: &Server, alice: &Person) -> Answer {
    let path = format!("/api/v1/server/users/{}", alice.id);
    server.patch(&path, &server.token("billing", "server"), json!({"status": "disabled"})).await
}

async fn log_in(server: &Server, password: &str) -> Answer {
    server.post("/api/v1/auth/login", "", json!({"username": "alice", "password": password})).await
}

async fn nickname(server: &Server, alice: &Person) -> Value {
    let user = UserId::parse(&alice.id).unwrap();
    json!(server.store.account(&user).await.unwrap().unwrap().nickname)
}

#[tokio::test]
async fn a_profile_and_a_password_changed_at_once_are_both_changed() {
    for profile_is_late in [true, false] {
        let (server, alice, memory) = start().await;
        let rename = Box::pin(rename(&server, &alice, "Ali"));
        let change = Box::pin(change_password(&server, &alice, "654321"));
        let (renamed, changed) = if profile_is_late {
            overtaken(&memory, rename, change).await
        } else {
            let (changed, renamed) = overtaken(&memory, change, rename).await;
            (renamed, changed)
        };
        assert_eq!(renamed.expect(200)["nickname"], json!("Ali"));
        assert_eq!(changed.status, 204, "{}", changed.text);
        assert_eq!(nickname(&server, &alice).await, json!("Ali"));
        log_in(&server, "123456").await.problem(401, "BAD_CREDENTIALS");
        log_in(&server, "654321").await.expect(200);
    }
}

#[tokio::test]
async fn a_profile_changed_while_the_account_is_disabled_does_not_enable_it() {
    for profile_is_late in [true, false] {
        let (server, alice, memory) = start().await;
        let (rename, disable) =
            (Box::pin(rename(&server, &alice, "Ali")), Box::pin(disable(&server, &alice)));
        let (one, other) = if profile_is_late {
            overtaken(&memory, rename, disable).await
        } else {
            overtaken(&memory, disable, rename).await
        };
        assert_eq!((one.status, other.status), (200, 200));
        assert_eq!(nickname(&server, &alice).await, json!("Ali"));
        log_in(&server, "123456").await.problem(403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn of_two_new_passwords_at_once_one_is_set_and_the_other_refused() {
    let (server, alice, memory) = start().await;
    let [late, early] = ["654321", "abcdef"].map(|new| Box::pin(change_password(&server, &alice, new)));
    let (late, early) = overtaken(&memory, late, early).await;
    assert_eq!(early.status, 204, "{}", early.text);
    late.problem(401, "BAD_CREDENTIALS");
    log_in(&server, "abcdef").await.expect(200);
}

#[tokio::test]
async fn a_change_that_others_always_overtake_is_refused_for_now() {
    let (server, alice, memory) = start().await;
    let user = UserId::parse(&alice.id).unwrap();
    let mut gate = hold(&memory);
    let mut rename = pin!(rename(&server, &alice, "Ali"));
    let mut turn = 0;
    let refused = loop {
        let held = gate.clone();
        if let Either::Left((answer, _)) = select(rename.as_mut(), pin!(held.arrived(1))).await {
            break answer;
        }
        let read = server.store.account(&user).await.unwrap().unwrap();
        let other = Account { email: Some(format!("{turn}@example.org")), ..read.clone() };
        assert_eq!(server.store.update_account(&read, other.clone()).await, Cas::Applied(other));
        turn += 1;
        assert!(turn < 100, "it would try for ever");
        std::mem::replace(&mut gate, hold(&memory)).open();
    };
    assert!(refused.json["retry_after_ms"].as_u64().unwrap() > 0);
    refused.problem(503, "BUSY");
    memory.heal();
    assert_eq!(nickname(&server, &alice).await, json!("alice"), "nothing of it took place");
}

#[tokio::test]
async fn a_change_of_unknown_outcome_is_made_once_and_undoes_nothing_later() {
    for fault in [Fault::UnknownApplied, Fault::UnknownNever, Fault::UnknownLate] {
        let (server, alice, memory) = start().await;
        memory.program(Rule::new(fault.clone()).op(Op::UpdateAccount));
        assert_eq!(change_password(&server, &alice, "654321").await.status, 204, "{fault:?}");
        disable(&server, &alice).await.expect(200);
        memory.deliver_late();
        log_in(&server, "123456").await.problem(401, "BAD_CREDENTIALS");
        log_in(&server, "654321").await.problem(403, "FORBIDDEN");
    }
    let (server, alice, memory) = start().await;
    memory.program(Rule::new(Fault::UnknownNever).op(Op::UpdateAccount).times(usize::MAX));
    rename(&server, &alice, "Ali").await.problem(503, "UNAVAILABLE");
}
