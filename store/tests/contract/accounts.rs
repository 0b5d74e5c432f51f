//! Accounts: a username has at most one.

use std::slice::from_ref;

use proto::Timestamp;
use store::{Account, AccountDetails, AccountField, AccountStatus, Cas, Creation, PresenceAudience, Store};

use crate::engines::contract;
use crate::samples::{named, user};

contract!(
    an_account_is_found_by_user_and_by_name,
    a_username_has_one_account,
    of_many_accounts_of_one_name_one_is_made,
    an_account_keeps_its_username_when_it_changes,
    a_change_of_the_profile_undoes_no_new_password_and_no_lock,
    a_change_of_what_is_no_longer_so_is_refused,
    of_many_changes_at_once_each_stays,
    accounts_are_found_by_how_their_usernames_begin,
    accounts_are_found_by_how_their_nicknames_begin,
    an_account_is_found_by_the_nickname_that_it_has_now,
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

async fn make(store: &Store) -> Account {
    let made = account("1", "bob");
    assert_eq!(store.create_account(made.clone()).await.unwrap(), Creation::Created);
    made
}

async fn read(store: &Store) -> Account {
    store.account(&user("1")).await.unwrap().unwrap()
}

/// Changes an account that is as it was read.
async fn update(store: &Store, read: &Account, new: Account) {
    assert_eq!(store.update_account(read, new.clone()).await, Cas::Applied(new));
}

fn called(nickname: &str, account: &Account) -> Account {
    Account { nickname: nickname.to_owned(), ..account.clone() }
}

fn with_password(hash: &str, account: &Account) -> Account {
    Account { password_hash: hash.to_owned(), ..account.clone() }
}

fn disabled(account: &Account) -> Account {
    Account { status: AccountStatus::Disabled, ..account.clone() }
}

async fn an_account_keeps_its_username_when_it_changes(store: Store) {
    let old = account("1", "bob");
    assert_eq!(store.update_account(&old, old.clone()).await, Cas::Refused(None), "there is none");
    make(&store).await;
    let changed = Account {
        nickname: "Robert".to_owned(),
        email: None,
        password_hash: "another".to_owned(),
        status: AccountStatus::Disabled,
        details: AccountDetails::default(),
        ..old.clone()
    };
    let asked =
        Account { user: user("2"), username: named("robert"), created: Timestamp(8), ..changed.clone() };
    assert_eq!(store.update_account(&old, asked).await, Cas::Applied(changed.clone()));
    assert_eq!(store.account_by_username(&named("bob")).await.unwrap(), Some(changed.clone()));
    assert_eq!(store.account_by_username(&named("robert")).await.unwrap(), None);
    assert_eq!(store.account(&user("2")).await.unwrap(), None);
    update(&store, &changed, old.clone()).await;
    assert_eq!(read(&store).await, old, "also what it had no longer");
}

async fn a_change_of_the_profile_undoes_no_new_password_and_no_lock(store: Store) {
    let mut found = make(&store).await;
    let others: [fn(&Account) -> Account; 2] = [|found| with_password("another", found), disabled];
    for (turn, other) in others.into_iter().enumerate() {
        let nickname = format!("Robert {turn}");
        // Both have read the same; the profile comes second.
        let meanwhile = other(&found);
        update(&store, &found, meanwhile.clone()).await;
        let refused = store.update_account(&found, called(&nickname, &found)).await;
        assert_eq!(refused, Cas::Refused(Some(meanwhile.clone())));
        assert_eq!(read(&store).await, meanwhile, "nothing of it took place");
        found = called(&nickname, &meanwhile);
        update(&store, &meanwhile, found.clone()).await;
        assert_eq!(read(&store).await, found);
    }
    assert_eq!((found.password_hash.as_str(), found.status), ("another", AccountStatus::Disabled));

    // The profile comes first.
    let renamed = called("Bobby", &found);
    update(&store, &found, renamed.clone()).await;
    for other in
        [with_password("a third", &found), Account { status: AccountStatus::Active, ..found.clone() }]
    {
        assert_eq!(store.update_account(&found, other).await, Cas::Refused(Some(renamed.clone())));
    }
    assert_eq!(read(&store).await, renamed);
}

async fn a_change_of_what_is_no_longer_so_is_refused(store: Store) {
    let stored = make(&store).await;
    let field = |value: &str| AccountField { name: "x".to_owned(), value: value.to_owned(), public: false };
    let with_details = |details| Account { details, ..stored.clone() };
    let details = stored.details.clone();
    let otherwise = [
        called("Robert", &stored),
        Account { email: None, ..stored.clone() },
        Account { email: Some(String::new()), ..stored.clone() },
        with_password("another", &stored),
        disabled(&stored),
        Account { username: named("robert"), ..stored.clone() },
        with_details(AccountDetails { avatar: String::new(), ..details.clone() }),
        with_details(AccountDetails { fields: vec![field("blue")], ..details.clone() }),
        with_details(AccountDetails { presence: PresenceAudience::Nobody, ..details }),
    ];
    for read in otherwise {
        let refused = store.update_account(&read, called("Bobby", &read)).await;
        assert_eq!(refused, Cas::Refused(Some(stored.clone())));
    }
    assert_eq!(read(&store).await, stored);
    let without = Account { email: None, ..stored.clone() };
    update(&store, &stored, without.clone()).await;
    assert_eq!(store.update_account(&stored, stored.clone()).await, Cas::Refused(Some(without)));
}

async fn of_many_changes_at_once_each_stays(store: Store) {
    make(&store).await;
    let fields = ["a", "b", "c"].map(|name| {
        let field = AccountField { name: name.to_owned(), value: String::new(), public: false };
        Box::new(move |account: &mut Account| account.details.fields.push(field.clone()))
            as Box<dyn Fn(&mut Account)>
    });
    let password: Box<dyn Fn(&mut Account)> =
        Box::new(|account| account.password_hash = "another".to_owned());
    let lock: Box<dyn Fn(&mut Account)> = Box::new(|account| account.status = AccountStatus::Disabled);
    let changes = fields.into_iter().chain([password, lock]).map(async |change| {
        let mut found = read(&store).await;
        loop {
            let mut changed = found.clone();
            change(&mut changed);
            match store.update_account(&found, changed).await {
                Cas::Applied(_) => return,
                Cas::Refused(now) => found = now.unwrap(),
                Cas::Unknown(error) => panic!("{error}"),
            }
        }
    });
    futures_util::future::join_all(changes).await;
    let found = read(&store).await;
    assert_eq!((found.password_hash.as_str(), found.status), ("another", AccountStatus::Disabled));
    let mut names: Vec<&str> = found.details.fields.iter().map(|field| field.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c", "team", "x"]);
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
    let changed = called("Robert", &account("1", "robert"));
    update(&store, &account("1", "robert"), changed.clone()).await;
    assert_eq!(store.accounts_by_prefix(&named("robe"), 10).await.unwrap(), [changed]);
}

async fn ids_called(store: &Store, beginning: &str, limit: usize) -> Vec<String> {
    let found = store.accounts_by_nickname(&named(beginning), limit).await.unwrap();
    let short = |id: &str| id.strip_prefix(&named("")).unwrap_or(id).to_owned();
    found.iter().map(|account| short(account.user.as_str())).collect()
}

async fn accounts_are_found_by_how_their_nicknames_begin(store: Store) {
    let nicknames = [
        ("1", "Robert B."),
        ("2", "ROB"),
        ("3", "robin"),
        ("4", "Bob"),
        ("5", "RÜBE"),
        ("6", "rob"),
        ("7", "王伟"),
    ];
    for (id, nickname) in nicknames {
        let account = called(&named(nickname), &account(id, &format!("{id}{id}")));
        assert_eq!(store.create_account(account).await.unwrap(), Creation::Created);
    }
    assert_eq!(ids_called(&store, "rob", 10).await, ["2", "6", "1", "3"], "by folded nickname, then by id");
    assert_eq!(ids_called(&store, "RoB", 2).await, ["2", "6"]);
    assert_eq!(ids_called(&store, "robert b", 10).await, ["1"]);
    assert_eq!(ids_called(&store, "rübe", 10).await, ["5"]);
    assert_eq!(ids_called(&store, "王伟", 10).await, ["7"]);
    assert_eq!(ids_called(&store, "robertson", 10).await, [""; 0]);
    assert_eq!(ids_called(&store, "rob", 0).await, [""; 0]);
    assert!(store.accounts_by_nickname("r", 10).await.unwrap().is_empty(), "too few characters");
}

async fn an_account_is_found_by_the_nickname_that_it_has_now(store: Store) {
    let mut stored = called(&named("Bob"), &account("1", "bob"));
    assert_eq!(store.create_account(stored.clone()).await.unwrap(), Creation::Created);
    // There and back again: what takes the old one away leaves a later one of the same name.
    for (nickname, gone) in [("Robert", "bob"), ("Bob", "robert"), ("BOB", "robert"), ("Robert", "bob")] {
        let renamed = called(&named(nickname), &stored);
        update(&store, &stored, renamed.clone()).await;
        assert_eq!(store.accounts_by_nickname(&named(nickname), 10).await.unwrap(), from_ref(&renamed));
        assert_eq!(ids_called(&store, gone, 10).await, [""; 0]);
        // What changes besides leaves it where it is.
        stored = with_password(nickname, &renamed);
        update(&store, &renamed, stored.clone()).await;
        assert_eq!(store.accounts_by_nickname(&named(nickname), 10).await.unwrap(), from_ref(&stored));
    }
    // A change that loses to another leaves nothing that is found.
    let read = called(&named("Bob"), &stored);
    assert_eq!(store.update_account(&read, called(&named("Rolf"), &read)).await, Cas::Refused(Some(stored)));
    assert_eq!(ids_called(&store, "rolf", 10).await, [""; 0]);
}
