//! What a user keeps for themselves in a conversation.

use proto::settings::Settings;
use proto::{ConversationId, Seq, Timestamp, UserId};
use store::{SettingsEdit, Store};

use crate::engines::contract;
use crate::samples::{conversation, user};

contract!(
    a_change_leaves_other_settings_as_they_are,
    what_is_gone_stays_gone,
    changes_are_found_by_their_time_newest_first,
    two_changes_at_once_both_stay,
);

fn bob() -> UserId {
    user("bob")
}

async fn edit(store: &Store, name: &str, now: u64, edit: SettingsEdit) -> Settings {
    store.edit_settings(&bob(), &conversation(name), edit, Timestamp(now)).await.unwrap()
}

async fn read(store: &Store, name: &str) -> Settings {
    store.settings(&bob(), &[conversation(name)]).await.unwrap().remove(0)
}

fn pinned(pinned: bool) -> SettingsEdit {
    SettingsEdit { pinned: Some(pinned), ..SettingsEdit::default() }
}

async fn a_change_leaves_other_settings_as_they_are(store: Store) {
    assert_eq!(read(&store, "g").await, Settings::default(), "nothing is set");
    let first = edit(&store, "g", 10, pinned(true)).await;
    assert_eq!(first, Settings { pinned: true, changed: Timestamp(10), ..Settings::default() });
    let all = SettingsEdit {
        muted_until: Some(Timestamp(99)),
        archived: Some(true),
        hidden_below: Some(Seq(7)),
        draft: Some("half a \u{0} message".into()),
        marked_unread: Some(true),
        ..SettingsEdit::default()
    };
    let second = edit(&store, "g", 10, all).await;
    assert_eq!(second.changed, Timestamp(11), "no two changes have one time");
    assert!(second.pinned && second.archived && second.marked_unread);
    assert_eq!((second.muted_until, second.hidden_below), (Timestamp(99), Seq(7)));
    assert_eq!(read(&store, "g").await, second);
    let back = SettingsEdit {
        draft: Some(String::new()),
        archived: Some(false),
        muted_until: Some(Timestamp(0)),
        ..pinned(false)
    };
    let third = edit(&store, "g", 5, back.clone()).await;
    let left =
        Settings { hidden_below: Seq(7), marked_unread: true, changed: Timestamp(12), ..Settings::default() };
    assert_eq!(third, left, "also by a clock that is behind");
    assert_eq!(edit(&store, "g", 50, back).await, left, "what changes nothing has no time");
    assert_eq!(read(&store, "g").await, left);
    assert_eq!(read(&store, "gg").await, Settings::default());
}

async fn what_is_gone_stays_gone(store: Store) {
    let delete = |seqs: &[u64]| SettingsEdit {
        deleted: seqs.iter().copied().map(Seq).collect(),
        ..SettingsEdit::default()
    };
    let clear = |seq| SettingsEdit { cleared: Some(Seq(seq)), ..SettingsEdit::default() };
    edit(&store, "g", 1, delete(&[9, 3, 9])).await;
    assert_eq!(edit(&store, "g", 2, delete(&[5, 3])).await.deleted, [Seq(3), Seq(5), Seq(9)]);
    assert_eq!(read(&store, "g").await.deleted, [Seq(3), Seq(5), Seq(9)]);
    let cleared = edit(&store, "g", 3, clear(5)).await;
    assert_eq!(
        (cleared.cleared, &cleared.deleted[..]),
        (Seq(5), &[Seq(9)][..]),
        "cleared covers what is below"
    );
    assert_eq!(edit(&store, "g", 4, clear(4)).await, cleared, "and never moves back");
    assert_eq!(edit(&store, "g", 5, delete(&[4])).await, cleared, "nothing is left to delete there");
    let found = read(&store, "g").await;
    assert_eq!(found, cleared);
    assert!(found.hides(Seq(5)) && found.hides(Seq(9)) && !found.hides(Seq(6)));
}

async fn changes_are_found_by_their_time_newest_first(store: Store) {
    let changed = |since, limit, before: Option<(u64, &'static str)>| {
        let (store, bob) = (store.clone(), bob());
        async move {
            let before = before.map(|(time, name)| (Timestamp(time), conversation(name)));
            let found = store.changed_settings(&bob, Timestamp(since), limit, before).await.unwrap();
            found
                .iter()
                .map(|(time, id): &(_, ConversationId)| format!("{} {id}", time.0))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(changed(0, 10, None).await, [""; 0]);
    for (name, time) in [("a", 10), ("b", 20), ("c", 20), ("d", 30), ("a", 40)] {
        edit(&store, name, time, pinned(time != 40)).await;
    }
    let id = |name| conversation(name).to_string();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(id);
    let all = [format!("40 {a}"), format!("30 {d}"), format!("20 {b}"), format!("20 {c}")];
    assert_eq!(changed(0, 10, None).await, all);
    assert_eq!(changed(30, 10, None).await, all[..2], "the time itself included");
    assert_eq!(changed(41, 10, None).await, [""; 0]);
    assert_eq!(changed(0, 3, None).await, all[..3]);
    assert_eq!(changed(0, 10, Some((20, "b"))).await, all[3..]);
    let other = user("bobby");
    assert_eq!(store.changed_settings(&other, Timestamp(0), 10, None).await.unwrap(), []);
}

async fn two_changes_at_once_both_stay(store: Store) {
    let (one, other) = tokio::join!(
        edit(&store, "g", 10, pinned(true)),
        edit(&store, "g", 10, SettingsEdit { archived: Some(true), ..SettingsEdit::default() }),
    );
    let found = read(&store, "g").await;
    assert!(found.pinned && found.archived, "{one:?} {other:?} {found:?}");
}
