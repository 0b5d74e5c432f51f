//! Tables on a cluster: made by whoever comes first, never by two, and never used by a program that does not fit them.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

use lifecycle::{Tasks, wall_clock_ms};
use proto::UserId;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use store::{Account, Cas, Cql, CqlConfig, CqlError, Migration, Replication, Store};
use uuid::Uuid;

/// A keyspace that does not exist yet; `None`, said in one line: there is no cluster to test on.
fn keyspace() -> Option<CqlConfig> {
    store::test_config("migrations of a CQL cluster")
}

async fn statement(config: &CqlConfig, text: &str) {
    let session: Session = Box::pin(SessionBuilder::new().known_nodes(&config.nodes).build()).await.unwrap();
    Box::pin(session.query_unpaged(text.replace("KEYSPACE_NAME", &config.keyspace), ())).await.unwrap();
}

async fn migrate(config: &CqlConfig) -> Result<Migration, CqlError> {
    Box::pin(Cql::migrate(config)).await
}

async fn connect(config: &CqlConfig) -> Result<(), CqlError> {
    Box::pin(Cql::connect(config, &Tasks::default())).await.map(drop)
}

async fn done(config: &CqlConfig) {
    // What is left here, a later test takes away.
    let _ = Box::pin(store::drop_test_keyspace(config)).await;
}

#[tokio::test]
async fn programs_that_start_at_once_make_every_table_once() {
    let Some(config) = keyspace() else { return };
    let starts = futures_util::future::join_all((0..5).map(|_| migrate(&config))).await;
    let newest = starts.iter().map(|start| start.as_ref().unwrap().to).max().unwrap();
    assert!(newest > 0 && starts.iter().all(|start| start.as_ref().unwrap().to == newest));
    let again = migrate(&config).await.unwrap();
    assert_eq!(again, Migration { from: newest, to: newest }, "nothing is left to do");
    connect(&config).await.unwrap();
    done(&config).await;
}

#[tokio::test]
async fn a_keyspace_without_tables_is_refused_with_advice() {
    let Some(config) = keyspace() else { return };
    let error = connect(&config).await.unwrap_err();
    assert!(matches!(error, CqlError::NotMigrated { found: 0, .. }), "{error:?}");
    assert!(error.to_string().contains("tidegate migrate"), "{error}");
}

#[tokio::test]
async fn a_version_that_somebody_began_and_did_not_finish_is_made_all_the_same() {
    let Some(config) = keyspace() else { return };
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    statement(&config, &format!("CREATE KEYSPACE KEYSPACE_NAME WITH replication = {replication}")).await;
    let columns = "version int PRIMARY KEY, holder uuid, claimed_ms bigint, done boolean";
    statement(&config, &format!("CREATE TABLE KEYSPACE_NAME.migration ({columns})")).await;
    let (dead, then) = (Uuid::from_u128(7), wall_clock_ms() - 120_000);
    let row = format!("(1, {dead}, {then}, false)");
    let insert = "INSERT INTO KEYSPACE_NAME.migration (version, holder, claimed_ms, done) VALUES";
    statement(&config, &format!("{insert} {row} IF NOT EXISTS")).await;
    assert_eq!(migrate(&config).await.unwrap().from, 0);
    connect(&config).await.unwrap();
    done(&config).await;
}

#[tokio::test]
async fn what_a_newer_program_or_another_replication_made_is_refused() {
    let Some(config) = keyspace() else { return };
    migrate(&config).await.unwrap();
    let otherwise = CqlConfig { replication: Replication::Simple(2), ..config.clone() };
    for refused in [connect(&otherwise).await, migrate(&otherwise).await.map(drop)] {
        assert!(matches!(refused, Err(CqlError::Replication { .. })), "{refused:?}");
    }
    let newer = "INSERT INTO KEYSPACE_NAME.migration (version, done) VALUES (4000, true) IF NOT EXISTS";
    statement(&config, newer).await;
    for refused in [connect(&config).await, migrate(&config).await.map(drop)] {
        assert!(matches!(refused, Err(CqlError::NewerSchema { found: 4_000, .. })), "{refused:?}");
    }
    done(&config).await;
}

#[tokio::test]
async fn an_account_of_before_a_column_came_changes_like_others() {
    let Some(config) = keyspace() else { return };
    migrate(&config).await.unwrap();
    let columns = "user_id, username, nickname, password_hash, active, created, made";
    let row = "'7', 'bob', 'Bob', 'hash', true, 7, true";
    let insert = "INSERT INTO KEYSPACE_NAME.account";
    statement(&config, &format!("{insert} ({columns}) VALUES ({row}) IF NOT EXISTS")).await;
    let store = Store::Cql(Box::pin(Cql::connect(&config, &Tasks::default())).await.unwrap());
    let old = store.account(&UserId::parse("7").unwrap()).await.unwrap().unwrap();
    let new = Account { nickname: "Robert".to_owned(), ..old.clone() };
    assert_eq!(store.update_account(&old, new.clone()).await, Cas::Applied(new.clone()));
    let late = Account { password_hash: "another".to_owned(), ..old.clone() };
    assert_eq!(store.update_account(&old, late).await, Cas::Refused(Some(new)));
    store.close().await;
    done(&config).await;
}

/// Version 11 came when there were accounts already.
#[tokio::test]
async fn accounts_of_before_version_11_are_found_by_their_nicknames_once_it_is_made() {
    let Some(config) = keyspace() else { return };
    migrate(&config).await.unwrap();
    statement(&config, "DELETE FROM KEYSPACE_NAME.migration WHERE version = 11 IF EXISTS").await;
    let columns = "user_id, username, nickname, password_hash, active, created, made";
    let insert = "INSERT INTO KEYSPACE_NAME.account";
    for (id, name) in [("1", "Robert"), ("2", "Carla"), ("3", "R")] {
        let row = format!("'{id}', 'user{id}', '{name}', 'hash', true, 7, true");
        statement(&config, &format!("{insert} ({columns}) VALUES ({row}) IF NOT EXISTS")).await;
    }
    // What a process that died while it changed a nickname may leave.
    let stale =
        "INSERT INTO KEYSPACE_NAME.nickname_search (beginning, nickname, user_id) VALUES ('ro', 'rolf', '2')";
    statement(&config, stale).await;
    assert_eq!(migrate(&config).await.unwrap(), Migration { from: 10, to: 11 });
    let store = Store::Cql(Box::pin(Cql::connect(&config, &Tasks::default())).await.unwrap());
    let found = store.accounts_by_nickname("RO", 10).await.unwrap();
    assert_eq!(found.iter().map(|account| account.nickname.as_str()).collect::<Vec<_>>(), ["Robert"]);
    let renamed = Account { nickname: "Carla".to_owned(), ..found[0].clone() };
    assert_eq!(store.update_account(&found[0], renamed.clone()).await, Cas::Applied(renamed));
    assert!(store.accounts_by_nickname("ro", 10).await.unwrap().is_empty());
    assert_eq!(store.accounts_by_nickname("carla", 10).await.unwrap().len(), 2);
    store.close().await;
    done(&config).await;
}
