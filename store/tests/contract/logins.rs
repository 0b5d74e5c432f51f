//! Logins: a refresh token is exchanged at most once.

use proto::{LoginId, Timestamp};
use store::{Account, AccountDetails, AccountStatus, Cas, Creation, Login, Rotation, Standing, Store};

use crate::engines::contract;
use crate::samples::{named, user};

contract!(
    a_token_is_exchanged_for_the_next,
    an_old_token_ends_the_login,
    of_many_exchanges_of_one_token_one_succeeds,
    a_login_whose_time_is_over_is_gone,
    an_ended_login_is_gone,
    logins_belong_to_their_user,
    who_is_signed_out_or_disabled_is_known,
);

fn id(name: &str) -> LoginId {
    LoginId::parse(&named(name)).unwrap()
}

fn login(name: &str, owner: &str) -> Login {
    Login {
        login: id(name),
        user: user(owner),
        device: "Bob's phone".to_owned(),
        address: "192.0.2.7".to_owned(),
        refresh_hash: [1; 32],
        created: Timestamp(100),
        last_used: Timestamp(100),
        expires: Timestamp(1_100),
    }
}

async fn a_token_is_exchanged_for_the_next(store: Store) {
    store.create_login(login("a", "bob")).await.unwrap();
    for turn in 1..=5_u8 {
        let now = Timestamp(100 + u64::from(turn) * 900);
        let rotated = store.rotate_login(&id("a"), [turn; 32], [turn + 1; 32], now).await.unwrap();
        let expected = Login {
            refresh_hash: [turn + 1; 32],
            last_used: now,
            expires: now.plus_ms(1_000),
            ..login("a", "bob")
        };
        assert_eq!(rotated, Rotation::Rotated(expected.clone()), "its time begins again");
        assert_eq!(store.logins(&user("bob")).await.unwrap(), [expected]);
    }
}

async fn an_old_token_ends_the_login(store: Store) {
    store.create_login(login("a", "bob")).await.unwrap();
    let first = store.rotate_login(&id("a"), [1; 32], [2; 32], Timestamp(200)).await.unwrap();
    let Rotation::Rotated(now) = first else { panic!("{first:?}") };
    let again = store.rotate_login(&id("a"), [1; 32], [3; 32], Timestamp(201)).await.unwrap();
    assert_eq!(again, Rotation::Reused(now));
    let newest = store.rotate_login(&id("a"), [2; 32], [4; 32], Timestamp(202)).await.unwrap();
    assert_eq!(newest, Rotation::Gone, "whoever has the newest token is out, too");
    assert!(store.logins(&user("bob")).await.unwrap().is_empty());
}

async fn of_many_exchanges_of_one_token_one_succeeds(store: Store) {
    store.create_login(login("a", "bob")).await.unwrap();
    let tries = (2..=20).map(|next| {
        let store = store.clone();
        async move { store.rotate_login(&id("a"), [1; 32], [next; 32], Timestamp(200)).await.unwrap() }
    });
    let outcomes = futures_util::future::join_all(tries).await;
    let count = |wanted: fn(&Rotation) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count();
    assert_eq!(count(|outcome| matches!(outcome, Rotation::Rotated(_))), 1);
    assert_eq!(count(|outcome| matches!(outcome, Rotation::Reused(_))), 1);
    assert_eq!(count(|outcome| matches!(outcome, Rotation::Gone)), 17);
}

async fn a_login_whose_time_is_over_is_gone(store: Store) {
    store.create_login(login("a", "bob")).await.unwrap();
    let over = store.rotate_login(&id("a"), [1; 32], [2; 32], Timestamp(1_100)).await.unwrap();
    assert_eq!(over, Rotation::Gone);
    assert!(store.logins(&user("bob")).await.unwrap().is_empty());
}

async fn an_ended_login_is_gone(store: Store) {
    store.create_login(login("a", "bob")).await.unwrap();
    assert_eq!(store.end_login(&id("a")).await.unwrap(), Some(login("a", "bob")));
    assert_eq!(store.end_login(&id("a")).await.unwrap(), None);
    let gone = store.rotate_login(&id("a"), [1; 32], [2; 32], Timestamp(200)).await.unwrap();
    assert_eq!(gone, Rotation::Gone);
}

async fn logins_belong_to_their_user(store: Store) {
    for (name, owner) in [("a", "bob"), ("b", "bob"), ("c", "bobby")] {
        store.create_login(login(name, owner)).await.unwrap();
    }
    store.create_login(login("a", "bob")).await.expect("the very same again");
    assert_eq!(store.logins(&user("bob")).await.unwrap(), [login("a", "bob"), login("b", "bob")]);
    assert!(store.end_login(&id("a")).await.unwrap().is_some());
    assert_eq!(store.logins(&user("bob")).await.unwrap(), [login("b", "bob")]);
    assert_eq!(store.logins(&user("bobby")).await.unwrap(), [login("c", "bobby")]);
}

async fn who_is_signed_out_or_disabled_is_known(store: Store) {
    let bob = user("bob");
    let stands = async |login: Option<&str>| {
        let login = login.map(id);
        let standing = store.standing(&bob, login.as_ref()).await.unwrap();
        assert_eq!(store.arrival(&bob, login.as_ref()).await.unwrap(), (Vec::new(), standing));
        standing
    };
    assert_eq!(stands(None).await, Standing::Good, "an account is not needed");
    assert_eq!(stands(Some("a")).await, Standing::SignedOut, "there is no such login");
    store.create_login(login("a", "bob")).await.unwrap();
    store.create_login(login("b", "eve")).await.unwrap();
    assert_eq!(stands(Some("a")).await, Standing::Good);
    assert_eq!(stands(Some("b")).await, Standing::SignedOut, "it is another's");
    store.end_login(&id("a")).await.unwrap();
    assert_eq!(stands(Some("a")).await, Standing::SignedOut);

    let account = Account {
        user: bob.clone(),
        username: named("bob"),
        nickname: "Bob".to_owned(),
        email: None,
        password_hash: "$argon2id$…".to_owned(),
        status: AccountStatus::Active,
        created: Timestamp(7),
        details: AccountDetails::default(),
    };
    assert_eq!(store.create_account(account.clone()).await.unwrap(), Creation::Created);
    assert_eq!(stands(None).await, Standing::Good);
    let disabled = Account { status: AccountStatus::Disabled, ..account.clone() };
    assert_eq!(store.update_account(&account, disabled.clone()).await, Cas::Applied(disabled));
    assert_eq!(stands(None).await, Standing::Disabled);
}
