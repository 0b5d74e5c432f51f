//! What users keep for themselves: told to their own devices alone, listed by the cursor of `sync`, and kept out of what they
//! read.

use proto::client_frame::{Fetch, Position, Send, Sync};
use proto::command::GroupRequest;
use proto::server_frame::{ConversationState, Delta, Page};
use proto::settings::{Preferences, Private, PrivateChange, Settings};
use proto::{Body, Code, ConversationId, Reply, Request, Seq, ServerFrame, Target, Timestamp, wire};

use crate::stand::{Stand, config, direct, group, message, stores, to_group, to_user, user};

fn with_bob() -> ConversationId {
    direct("alice", "bob")
}

fn change(conversation: &ConversationId, what: Private) -> Request {
    Request::Private(PrivateChange { conversation: conversation.clone(), what })
}

fn set(conversation: &ConversationId, set: Preferences) -> Request {
    change(conversation, Private::Set(Box::new(set)))
}

async fn settings(stand: &mut Stand, name: &str, request: Request) -> Settings {
    match stand.ask(name, request).await {
        Reply::Frame(ServerFrame::Settings(of)) => of.settings,
        other => panic!("no settings but {other:?}"),
    }
}

async fn told(stand: &mut Stand, name: &str) -> Settings {
    stand
        .frame(&Target::User(user(name)), |frame| match frame {
            ServerFrame::Settings(of) => Some(of.settings.clone()),
            _ => None,
        })
        .await
}

async fn fetch(stand: &mut Stand, name: &str) -> Page {
    let fetch = Fetch { conversation: with_bob(), from: Seq(1), to: Seq(0), limit: 0, backwards: false };
    match stand.ask(name, Request::Fetch(fetch)).await {
        Reply::Frame(ServerFrame::Page(page)) => page,
        other => panic!("no page but {other:?}"),
    }
}

fn seqs(page: &Page) -> Vec<u64> {
    page.entries.iter().map(|entry| entry.seq.0).collect()
}

async fn sync(stand: &mut Stand, name: &str, cursor: &str) -> Delta {
    match stand.ask(name, Request::Sync(Sync { cursor: cursor.into(), open: Vec::new() })).await {
        Reply::Frame(ServerFrame::Delta(delta)) => delta,
        other => panic!("no delta but {other:?}"),
    }
}

/// Asks until the list has a line of the conversation that fits.
async fn line(
    stand: &mut Stand,
    name: &str,
    id: &ConversationId,
    fits: impl Fn(&ConversationState) -> bool,
) -> ConversationState {
    let mut found = None;
    for _ in 0..3_000 {
        let delta = sync(stand, name, "").await;
        found = delta.conversations.into_iter().find(|state| state.conversation == *id);
        if let Some(found) = found.take_if(|state| fits(state)) {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the list never showed it, but {found:?}")
}

#[tokio::test]
async fn settings_are_told_to_ones_own_devices_and_listed_by_the_cursor() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        stand.listen_user("alice");
        stand.listen_user("bob");
        stand.send("alice", to_user("bob"), "hi").await;
        let cursor = sync(&mut stand, "bob", "").await.cursor;
        let pinned = Preferences { pinned: Some(true), draft: Some("well".into()), ..Preferences::default() };
        let first = settings(&mut stand, "bob", set(&with_bob(), pinned)).await;
        assert!(first.pinned && first.draft == "well" && !first.archived);
        assert_eq!(told(&mut stand, "bob").await, first);
        let more = Preferences {
            muted_until: Some(Timestamp(u64::MAX >> 1)),
            archived: Some(true),
            hidden: Some(true),
            ..Preferences::default()
        };
        let second = settings(&mut stand, "bob", set(&with_bob(), more)).await;
        assert!(second.pinned && second.archived && second.changed > first.changed);
        assert!(second.is_hidden_at(Seq(1)) && !second.is_hidden_at(Seq(2)), "until the next entry comes");
        assert_eq!(told(&mut stand, "bob").await, second);
        let listed = line(&mut stand, "bob", &with_bob(), |line| line.head == Seq(1)).await;
        assert_eq!(listed.settings.as_deref(), Some(&second));
        let delta = sync(&mut stand, "bob", &cursor).await;
        assert_eq!(delta.conversations[0].settings.as_deref(), Some(&second), "at once, by the cursor");
        let other = line(&mut stand, "alice", &with_bob(), |line| line.head == Seq(1)).await;
        assert_eq!(other.settings, None, "nobody else learns of it");
        let to_alice = Target::User(user("alice"));
        assert!(
            !stand
                .others()
                .any(|delivery| delivery.target == to_alice && format!("{delivery:?}").contains("Settings"))
        );
    }
}

#[tokio::test]
async fn a_draft_waits_in_a_conversation_that_nobody_began() {
    let mut stand = Stand::start(store::Store::memory(), config()).await;
    let draft = Preferences { draft: Some("hello?".into()), ..Preferences::default() };
    settings(&mut stand, "bob", set(&with_bob(), draft)).await;
    let line = line(&mut stand, "bob", &with_bob(), |_| true).await;
    assert_eq!((line.head, line.last, line.unread), (Seq(0), None, 0));
    assert_eq!(line.settings.unwrap().draft, "hello?");
    let to_others = set(&with_bob(), Preferences { pinned: Some(true), ..Preferences::default() });
    assert_eq!(stand.nack("carol", to_others).await.code, Code::Forbidden);
}

#[tokio::test]
async fn what_is_cleared_or_deleted_is_gone_for_one_user_alone() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        stand.listen_user("bob");
        for n in 1..=8 {
            stand.send("alice", to_user("bob"), &n.to_string()).await;
        }
        assert_eq!(seqs(&fetch(&mut stand, "bob").await), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(seqs(&fetch(&mut stand, "bob").await), [1, 2, 3, 4, 5, 6, 7, 8], "from memory");
        let gone =
            settings(&mut stand, "bob", change(&with_bob(), Private::Delete(vec![Seq(7), Seq(5)]))).await;
        assert_eq!(gone.deleted, [Seq(5), Seq(7)]);
        assert_eq!(told(&mut stand, "bob").await, gone);
        assert_eq!(seqs(&fetch(&mut stand, "bob").await), [1, 2, 3, 4, 6, 8]);
        let cleared = settings(&mut stand, "bob", change(&with_bob(), Private::Clear(Seq(3)))).await;
        assert_eq!(cleared.cleared, Seq(3));
        let page = fetch(&mut stand, "bob").await;
        assert_eq!((seqs(&page), page.from, page.to), (vec![4, 6, 8], Seq(4), Seq(8)));
        let line_of = line(&mut stand, "bob", &with_bob(), |line| line.head == Seq(8)).await;
        assert_eq!((line_of.read_seq, line_of.unread), (Seq(3), 5), "what is cleared counts as read");
        assert_eq!(seqs(&fetch(&mut stand, "alice").await), [1, 2, 3, 4, 5, 6, 7, 8], "alice keeps it all");
        let versions = Request::Versions(Position { conversation: with_bob(), seq: Seq(5) });
        assert_eq!(stand.nack("bob", versions.clone()).await.code, Code::NotFound);
        assert!(matches!(stand.ask("alice", versions).await, Reply::Frame(ServerFrame::Versions(_))));
        for gone in [2, 9] {
            let delete = change(&with_bob(), Private::Delete(vec![Seq(gone)]));
            assert_eq!(stand.nack("bob", delete).await.code, Code::NotFound, "{gone}");
        }
        let all = settings(&mut stand, "bob", change(&with_bob(), Private::Clear(Seq(0)))).await;
        assert_eq!((all.cleared, all.deleted), (Seq(8), vec![]));
        assert_eq!(seqs(&fetch(&mut stand, "bob").await), [0_u64; 0]);
        let line_of = line(&mut stand, "bob", &with_bob(), |line| line.unread == 0).await;
        assert_eq!(line_of.last, None);
        stand.send("alice", to_user("bob"), "9").await;
        assert_eq!(seqs(&fetch(&mut stand, "bob").await), [9]);
        let store = stand.stop().await;
        let mut stand = Stand::start(store, config()).await;
        assert_eq!(seqs(&fetch(&mut stand, "bob").await), [9], "also for the next owner");
    }
}

#[tokio::test]
async fn a_change_of_what_is_gone_is_gone_too() {
    let mut stand = Stand::start(store::Store::memory(), config()).await;
    let said = stand.send("alice", to_user("bob"), "secret").await;
    stand.send("alice", to_user("bob"), "other").await;
    let target = proto::body::MessageTarget { seq: said.seq, message_id: None };
    let edit = proto::body::Change::Edit(Some(Body::text("more secret")));
    let edit = Send::change(proto::ClientMessageId::now(), with_bob(), target, &edit);
    stand.send_message("alice", edit).await;
    settings(&mut stand, "bob", change(&with_bob(), Private::Delete(vec![said.seq]))).await;
    let page = fetch(&mut stand, "bob").await;
    assert_eq!((seqs(&page), page.overlays.len(), page.to), (vec![2], 0, Seq(3)));
    assert_eq!(fetch(&mut stand, "alice").await.overlays.len(), 1);
}

fn mentioning(text: &str, users: &[&str], all: bool) -> Body {
    let users = users.iter().map(|name| (*name).to_owned()).collect();
    let mut body = Body::text(text).to_wire();
    body.mentions = Some(wire::Mentions { users, all });
    Body::from_wire(&body)
}

#[tokio::test]
async fn unread_mentions_are_counted_for_whom_they_name() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        let members = vec![user("bob"), user("carol")];
        let create = GroupRequest::Create { name: "Team".into(), members, settings: None };
        stand.group("alice", "team", create).await;
        let team = ConversationId::group(&group("team"));
        let bodies = [
            mentioning("bob", &["bob"], false),
            mentioning("all", &[], true),
            mentioning("both", &["bob", "carol", "alice"], true),
            mentioning("a stranger", &["dora"], false),
            Body::text("nobody"),
        ];
        for body in bodies {
            stand.send_message("alice", Send { body, ..message(to_group("team"), "") }).await;
        }
        let bob = line(&mut stand, "bob", &team, |line| line.head == Seq(6)).await;
        assert_eq!((bob.unread, bob.mention_unread), (5, 3), "the one that names bob and all once");
        let carol = line(&mut stand, "carol", &team, |line| line.head == Seq(6)).await;
        assert_eq!(carol.mention_unread, 2);
        let alice = line(&mut stand, "alice", &team, |line| line.read_seq == Seq(6)).await;
        assert_eq!((alice.unread, alice.mention_unread), (0, 0), "never one's own");
        stand.ask("bob", Request::Read(Position { conversation: team.clone(), seq: Seq(3) })).await;
        let bob = line(&mut stand, "bob", &team, |line| line.read_seq == Seq(3)).await;
        assert_eq!((bob.unread, bob.mention_unread), (3, 1));
        let store = stand.stop().await;
        let mut stand = Stand::start(store, config()).await;
        let bob = line(&mut stand, "bob", &team, |_| true).await;
        assert_eq!((bob.unread, bob.mention_unread), (3, 1));
    }
}

#[tokio::test]
async fn changes_that_come_at_once_all_count_and_the_last_told_has_them_all() {
    let mut stand = Stand::start(store::Store::memory(), config()).await;
    stand.send("alice", to_user("bob"), "hi").await;
    let sessions: Vec<u64> = (0..20)
        .map(|n| {
            let of = Preferences { draft: Some(n.to_string()), ..Preferences::default() };
            stand.command("bob", set(&with_bob(), of))
        })
        .collect();
    let mut last = Timestamp(0);
    for (n, session) in sessions.into_iter().enumerate() {
        match stand.reply(session).await {
            Reply::Frame(ServerFrame::Settings(of)) => {
                assert_eq!(of.settings.draft, n.to_string());
                assert!(of.settings.changed > last);
                last = of.settings.changed;
            }
            other => panic!("no settings but {other:?}"),
        }
    }
}
