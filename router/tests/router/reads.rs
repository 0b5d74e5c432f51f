//! Reading: pages, positions, the list of conversations, typing.

use proto::client_frame::{Fetch, Position, Sync};
use proto::command::GroupRequest;
use proto::server_frame::{Delta, Page, Receipt};
use proto::{Code, ConversationId, Reply, Request, Seq, ServerFrame, Target};

use crate::stand::{Stand, config, direct, group, stores, to_group, to_user, user};

async fn fetch(stand: &mut Stand, from: u64, to: u64, limit: u32, backwards: bool) -> Page {
    let fetch =
        Fetch { conversation: direct("alice", "bob"), from: Seq(from), to: Seq(to), limit, backwards };
    match stand.ask("bob", Request::Fetch(fetch)).await {
        Reply::Frame(ServerFrame::Page(page)) => page,
        other => panic!("no page but {other:?}"),
    }
}

async fn sync(stand: &mut Stand, name: &str, cursor: &str) -> Delta {
    match stand.ask(name, Request::Sync(Sync { cursor: cursor.into(), open: Vec::new() })).await {
        Reply::Frame(ServerFrame::Delta(delta)) => delta,
        other => panic!("no delta but {other:?}"),
    }
}

/// Asks until the projections show it.
async fn synced(stand: &mut Stand, name: &str, fits: impl Fn(&Delta) -> bool) -> Delta {
    for _ in 0..3_000 {
        let delta = sync(stand, name, "").await;
        if fits(&delta) {
            return delta;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the list never showed it")
}

fn seqs(page: &Page) -> (Vec<u64>, u64, u64) {
    (page.entries.iter().map(|entry| entry.seq.0).collect(), page.from.0, page.to.0)
}

#[tokio::test]
async fn pages_cover_what_they_say_from_memory_and_from_the_store() {
    let config = router::RouterConfig { bucket_entries_max: 7, ..config() };
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config.clone()).await;
        for n in 0..50 {
            stand.send("alice", to_user("bob"), &n.to_string()).await;
        }
        for restarted in [false, true] {
            if restarted {
                let store = stand.stop().await;
                stand = Stand::start(store, config.clone()).await;
            }
            assert_eq!(seqs(&fetch(&mut stand, 0, 0, 3, false).await), (vec![1, 2, 3], 1, 3));
            assert_eq!(seqs(&fetch(&mut stand, 0, 0, 3, true).await), (vec![48, 49, 50], 48, 50));
            assert_eq!(seqs(&fetch(&mut stand, 40, 43, 0, false).await), (vec![40, 41, 42, 43], 40, 43));
            assert_eq!(seqs(&fetch(&mut stand, 49, 90, 0, false).await), (vec![49, 50], 49, 50));
            assert_eq!(seqs(&fetch(&mut stand, 51, 90, 0, false).await), (vec![], 51, 50));
            assert_eq!(fetch(&mut stand, 1, 1, 0, false).await.head, Seq(50));
        }
        let spy = Fetch {
            conversation: direct("alice", "bob"),
            from: Seq(1),
            to: Seq(9),
            limit: 0,
            backwards: false,
        };
        assert_eq!(stand.nack("mallory", Request::Fetch(spy)).await.code, Code::Forbidden);
        stand.stop().await;
    }
}

#[tokio::test]
async fn the_list_shows_unread_and_reading_clears_it_on_all_devices() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        ["alice", "bob"].iter().for_each(|name| stand.listen_user(name));
        for n in 0..3 {
            stand.send("alice", to_user("bob"), &n.to_string()).await;
        }
        stand
            .group(
                "bob",
                "team",
                GroupRequest::Create { name: "Team".into(), members: vec![user("alice")], settings: None },
            )
            .await;
        stand.send("bob", to_group("team"), "welcome").await;
        // Both may have changed in the same millisecond, so their order is not fixed.
        let line = |delta: &Delta, id: ConversationId| {
            delta.conversations.iter().find(|line| line.conversation == id).cloned()
        };
        let dm = |delta: &Delta| line(delta, direct("alice", "bob")).filter(|line| line.head == Seq(3));
        let team = |delta: &Delta| {
            line(delta, ConversationId::group(&group("team"))).filter(|line| line.head == Seq(2))
        };
        let full = |delta: &Delta| dm(delta).is_some() && team(delta).is_some();
        let bob = synced(&mut stand, "bob", full).await;
        let (of_dm, of_team) = (dm(&bob).unwrap(), team(&bob).unwrap());
        assert_eq!((of_dm.unread, of_dm.peer, of_dm.left), (3, Some(user("alice")), false));
        assert_eq!((of_team.unread, of_team.name.as_deref()), (0, Some("Team")));
        let read = |delta: &Delta| full(delta) && dm(delta).is_some_and(|line| line.unread == 0);
        let alice = synced(&mut stand, "alice", read).await;
        assert_eq!(team(&alice).unwrap().unread, 1, "a send is a read for its sender alone");
        let read = Position { conversation: direct("alice", "bob"), seq: Seq(2) };
        assert!(matches!(stand.ask("bob", Request::Read(read)).await, Reply::Settled));
        let receipt = |frame: &ServerFrame| match frame {
            ServerFrame::Receipt(receipt) => Some(receipt.clone()),
            _ => None,
        };
        let own: Receipt = stand.frame(&Target::User(user("bob")), receipt).await;
        assert_eq!((own.read, own.unread), (Some(Seq(2)), Some(1)));
        let peer: Receipt = stand.frame(&Target::User(user("alice")), receipt).await;
        assert_eq!((peer.read, peer.unread, peer.user), (Some(Seq(2)), None, user("bob")));
        let delivered = Position { conversation: direct("alice", "bob"), seq: Seq(3) };
        assert!(matches!(stand.ask("bob", Request::Delivered(delivered)).await, Reply::Settled));
        let peer: Receipt = stand.frame(&Target::User(user("alice")), receipt).await;
        assert_eq!((peer.delivered, peer.read), (Some(Seq(3)), None));
        stand.stop().await;
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pages_that_miss_and_repeat_nothing() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        for n in 0..230 {
            stand.command("alice", Request::Send(crate::stand::message(to_user(&format!("user{n}")), "hi")));
        }
        for session in 1..=230 {
            assert!(matches!(stand.reply(session).await, Reply::Frame(ServerFrame::Ack(_))));
        }
        let store = stand.stop().await;
        let mut stand = Stand::start(store, config()).await;
        let (mut cursor, mut all, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let delta = sync(&mut stand, "alice", &cursor).await;
            all.extend(delta.conversations.into_iter().map(|line| line.conversation));
            cursor = delta.cursor;
            pages += 1;
            if !delta.more {
                break;
            }
        }
        assert_eq!((all.len(), pages), (230, 3));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 230);
        let nonsense = Request::Sync(Sync { cursor: "nonsense".into(), open: Vec::new() });
        assert!(matches!(stand.ask("alice", nonsense).await, Reply::Frame(ServerFrame::TooLong)));
        stand.stop().await;
    }
}

#[tokio::test]
async fn typing_reaches_the_others_and_only_where_one_is_a_member() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        stand.listen_user("bob");
        stand.listen_group("team");
        stand
            .group(
                "bob",
                "team",
                GroupRequest::Create { name: "Team".into(), members: Vec::new(), settings: None },
            )
            .await;
        let typing = |frame: &ServerFrame| matches!(frame, ServerFrame::Typing(_)).then_some(());
        assert!(matches!(stand.ask("alice", Request::Typing(to_user("bob"))).await, Reply::Settled));
        stand.frame(&Target::User(user("bob")), typing).await;
        assert!(matches!(stand.ask("bob", Request::Typing(to_group("team"))).await, Reply::Settled));
        stand.frame(&Target::Group(group("team")), typing).await;
        assert_eq!(stand.nack("alice", Request::Typing(to_group("team"))).await.code, Code::Forbidden);
        stand.stop().await;
    }
}
