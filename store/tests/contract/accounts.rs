//! Accounts: a username has at most one.

use proto::Timestamp;
use store::{Account, AccountDetails, AccountField, AccountStatus, Creation, PresenceAudience, Store};

use crate::engines::contract;
use crate::samples::{named, user};

contract!(
    an_account_is_found_by_user_and_by_name,
    a_username_has_one_account,
    of_many_accounts_of_one_name_one_is_made,
    an_account_keeps_its_username_when_it_changes,
    accounts_are_found_by_how_their_usernames_begin,
);

fn account(id: &str, username: &str) -> Account {
    Account {
        user: user(id),
        username: named(username),
        nickname: "Bøb".to_owned(),
        email: Some("bob@example.com".to_owned()),
        password_hash: "$argon2id$…".to_owned(),
        status: AccountStatus::Active,
        created: Timestamp(7),
        details: AccountDetails {
            avatar: "file:7".to_owned(),
            phone: "+49 30 1".to_owned(),
            fields: vec![
                AccountField { name: "team".to_owned(), value: "Grüße\0".to_owned(), public: true },
                AccountField { name: "x".to_owned(), value: String::new(), public: false },
            ],
            presence: PresenceAudience::Contacts,
        },
    }
}

async fn an_account_is_found_by_user_and_by_name(store: Store) {
    assert_eq!(store.create_account(account("1", "bob")).await.unwrap(), Creation::Created);
    assert_eq!(store.account(&user("1")).await.unwrap(), Some(account("1", "bob")));
    assert_eq!(store.account_by_username(&named("bob")).await.unwrap(), Some(account("1", "bob")));
    for other in ["bo", "bobb", "Bob", ""] {
        assert_eq!(store.account_by_username(&named(other)).await.unwrap(), None);
    }
    assert_eq!(store.account(&user("2")).await.unwrap(), None);
}

async fn a_username_has_one_account(store: Store) {
    assert_eq!(store.create_account(account("1", "bob")).await.unwrap(), Creation::Created);
    assert_eq!(store.create_account(account("2", "bob")).await.unwrap(), Creation::NameTaken);
    assert_eq!(store.create_account(account("1", "carol")).await.unwrap(), Creation::NameTaken);
    assert_eq!(store.account(&user("2")).await.unwrap(), None, "nothing of it stays");
    assert_eq!(store.account_by_username(&named("carol")).await.unwrap(), None);
    let again = store.create_account(account("1", "bob")).await.unwrap();
    assert_eq!(again, Creation::Created, "the very same, as after a lost answer");
}

async fn of_many_accounts_of_one_name_one_is_made(store: Store) {
    let tries = (0..20).map(|number| store.create_account(account(&number.to_string(), "bob")));
    let outcomes = futures_util::future::join_all(tries).await;
    let made = outcomes.iter().filter(|outcome| **outcome == Ok(Creation::Created)).count();
    assert_eq!((made, outcomes.iter().filter(|outcome| outcome.is_ok()).count()), (1, 20));
}

async fn an_account_keeps_its_username_when_it_changes(store: Store) {
    assert!(!store.update_account(account("1", "bob")).await.unwrap(), "there is none");
    assert_eq!(store.create_account(account("1", "bob")).await.unwrap(), Creation::Created);
    let changed = Account {
        nickname: "Robert".to_owned(),
        email: None,
        password_hash: "another".to_owned(),
        status: AccountStatus::Disabled,
        details: AccountDetails::default(),
        ..account("1", "bob")
    };
    let asked = Account { username: named("robert"), created: Timestamp(8), ..changed.clone() };
    assert!(store.update_account(asked).await.unwrap());
    assert_eq!(store.account_by_username(&named("bob")).await.unwrap(), Some(changed));
    assert_eq!(store.account_by_username(&named("robert")).await.unwrap(), None);
}

async fn accounts_are_found_by_how_their_usernames_begin(store: Store) {
    for (id, username) in
        [("1", "robert"), ("2", "rob"), ("3", "robin"), ("4", "bob"), ("5", "rübe"), ("6", "ro")]
    {
        assert_eq!(store.create_account(account(id, username)).await.unwrap(), Creation::Created);
    }
    let found = async |prefix: &str, limit| {
        let accounts = store.accounts_by_prefix(&named(prefix), limit).await.unwrap();
        accounts.into_iter().map(|account| account.username).collect::<Vec<_>>()
    };
    assert_eq!(found("rob", 10).await, ["rob", "robert", "robin"].map(named));
    assert_eq!(found("rob", 2).await, ["rob", "robert"].map(named));
    assert_eq!(found("robe", 10).await, ["robert"].map(named));
    assert_eq!(found("rüb", 10).await, ["rübe"].map(named));
    assert_eq!(found("robertson", 10).await, [""; 0]);
    assert_eq!(found("rob", 0).await, [""; 0]);
    assert!(store.accounts_by_prefix("ro", 10).await.unwrap().is_empty(), "too few characters");
    // What changes is found as it is.
    let changed = Account { nickname: "Robert".to_owned(), ..account("1", "robert") };
    assert!(store.update_account(changed.clone()).await.unwrap());
    assert_eq!(store.accounts_by_prefix(&named("robe"), 10).await.unwrap(), [changed]);
}
