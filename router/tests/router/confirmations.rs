//! Messages that are to be confirmed: by whom, who sees it, how many may wait, what ends it; and all of it once more after a
//! restart, from memory and from the store.

use std::time::Duration;

use proto::body::{Change, MessageTarget};
use proto::client_frame::{Position, ReadersOf, Recipient, Send, Sync};
use proto::command::{GroupRequest, Source};
use proto::group::Role;
use proto::server_frame::{Confirmations, Nack};
use proto::{
    Body, ClientMessageId, Code, ConversationId, Reply, Request, Seq, ServerFrame, Target, Timestamp, wire,
};
use router::{ConfirmRules, RouterConfig};
use store::Store;

use crate::stand::{Stand, config, direct, group, message, stores, to_group, to_user, user};

/// A message that is to be confirmed, until then; 0: as long as may be.
fn notice(to: Recipient, until: u64) -> Send {
    let asks = wire::MustConfirm { until, numbers: 0 };
    Send { body: Body::text("read this").with_must_confirm(Some(asks)), ..message(to, "") }
}

fn confirm(id: &ConversationId, seq: Seq) -> Request {
    Request::Confirm(Position { conversation: id.clone(), seq })
}

fn of(id: &ConversationId, seq: Seq, after: Option<&str>, limit: u32) -> Request {
    Request::Confirmations(ReadersOf { conversation: id.clone(), seq, after: after.map(user), limit })
}

async fn confirms(stand: &mut Stand, name: &str, id: &ConversationId, seq: Seq) {
    match stand.ask(name, confirm(id, seq)).await {
        Reply::Frame(ServerFrame::Confirmed(at)) => assert_eq!((&at.conversation, at.seq), (id, seq)),
        other => panic!("{name} has not confirmed: {other:?}"),
    }
}

async fn confirmations(stand: &mut Stand, name: &str, request: Request) -> Confirmations {
    match stand.ask(name, request).await {
        Reply::Frame(ServerFrame::Confirmations(of)) => of,
        other => panic!("no confirmations but {other:?}"),
    }
}

/// `confirmed/of`, and who of all has.
async fn state(stand: &mut Stand, name: &str, id: &ConversationId, seq: Seq) -> (String, Vec<String>) {
    let page = confirmations(stand, name, of(id, seq, None, 0)).await;
    let who =
        page.members.iter().map(|one| format!("{} {}", one.user, if one.confirmed { "yes" } else { "no" }));
    (format!("{}/{}", page.confirmed, page.of), who.collect())
}

/// Which messages wait for the user, as a first `sync` says.
async fn waiting(stand: &mut Stand, name: &str, id: &ConversationId) -> Vec<Seq> {
    match stand.ask(name, Request::Sync(Sync::default())).await {
        Reply::Frame(ServerFrame::Delta(delta)) => {
            let mut lines = delta.conversations.into_iter();
            lines.find(|line| line.conversation == *id).map(|line| line.confirm_seqs).unwrap_or_default()
        }
        other => panic!("no delta but {other:?}"),
    }
}

async fn until_waiting(stand: &mut Stand, name: &str, id: &ConversationId, seqs: &[Seq]) {
    for _ in 0..3_000 {
        if waiting(stand, name, id).await == seqs {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{name} never had {seqs:?} to confirm");
}

fn brief(nack: &Nack) -> (Code, &'static str) {
    (nack.code, nack.frame)
}

async fn team(stand: &mut Stand, members: &[&str]) -> ConversationId {
    let members = members.iter().map(|name| user(name)).collect();
    stand.group("alice", "team", GroupRequest::Create { name: "T".into(), members, settings: None }).await;
    ConversationId::group(&group("team"))
}

async fn recalls(stand: &mut Stand, name: &str, id: &ConversationId, seq: Seq) {
    let target = MessageTarget { seq, message_id: None };
    stand.send_message(name, Send::change(ClientMessageId::now(), id.clone(), target, &Change::Recall)).await;
}

#[tokio::test]
async fn those_who_were_there_confirm_and_the_sender_sees_who_did() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        let id = team(&mut stand, &["bob", "carol", "dave"]).await;
        stand.listen_user("bob");
        let seq = stand.send_message("bob", notice(to_group("team"), 0)).await.seq;
        stand.group("alice", "team", GroupRequest::Add(vec![user("erin")])).await;
        stand.group("dave", "team", GroupRequest::Leave).await;
        stand.group("alice", "team", GroupRequest::Add(vec![user("dave")])).await;
        let nobody = ["alice no", "carol no"].map(str::to_owned).to_vec();
        assert_eq!(state(&mut stand, "bob", &id, seq).await, ("0/2".to_owned(), nobody));
        until_waiting(&mut stand, "carol", &id, &[seq]).await;
        confirms(&mut stand, "carol", &id, seq).await;
        confirms(&mut stand, "carol", &id, seq).await;
        let told = |frame: &ServerFrame| match frame {
            ServerFrame::Confirmations(of) => Some((of.seq, of.confirmed, of.of, of.members.len())),
            _ => None,
        };
        assert_eq!(stand.frame(&Target::User(user("bob")), told).await, (seq, 1, 2, 0));
        for restarted in [false, true] {
            if restarted {
                let store = stand.stop().await;
                stand = Stand::start(store, config()).await;
            }
            let one = ["alice no", "carol yes"].map(str::to_owned).to_vec();
            assert_eq!(state(&mut stand, "bob", &id, seq).await, ("1/2".to_owned(), one), "{restarted}");
            let first = confirmations(&mut stand, "alice", of(&id, seq, None, 2)).await;
            assert_eq!(
                (first.members.len(), first.confirmed, first.of),
                (1, 1, 2),
                "alice, and bob who sent it"
            );
            let after = first.next.map(|user| user.to_string());
            let rest = confirmations(&mut stand, "alice", of(&id, seq, after.as_deref(), 10)).await;
            assert_eq!((rest.members.len(), rest.next), (1, None));

            for (name, code) in [("carol", Code::Forbidden), ("mallory", Code::Forbidden)] {
                let nack = stand.nack(name, of(&id, seq, None, 0)).await;
                assert_eq!(brief(&nack), (code, "confirmations"), "{name}");
            }
            for (name, at, code) in [
                ("bob", seq, Code::BadField),
                ("erin", seq, Code::NotFound),
                ("dave", seq, Code::NotFound),
                ("mallory", seq, Code::Forbidden),
                ("carol", Seq(1), Code::NotFound),
                ("carol", Seq(99), Code::NotFound),
            ] {
                let nack = stand.nack(name, confirm(&id, at)).await;
                assert_eq!(brief(&nack), (code, "confirm"), "{name} {at}");
            }
            assert_eq!(waiting(&mut stand, "carol", &id).await, []);
            assert_eq!(waiting(&mut stand, "bob", &id).await, [], "their own");
            assert_eq!(waiting(&mut stand, "erin", &id).await, [], "came later");
            assert_eq!(waiting(&mut stand, "alice", &id).await, [seq]);
        }
        confirms(&mut stand, "alice", &id, seq).await;
        confirms(&mut stand, "alice", &id, seq).await;
        let store = stand.stop().await;
        let mut stand = Stand::start(store, config()).await;
        confirms(&mut stand, "carol", &id, seq).await;
        assert_eq!(state(&mut stand, "bob", &id, seq).await.0, "2/2");
        assert_eq!(waiting(&mut stand, "alice", &id).await, []);
        stand.stop().await;
    }
}

/// The row of the table of groups (`docs/GROUPS.md`), cell by cell; and the sender, whatever they are.
#[tokio::test]
async fn who_sees_who_has_confirmed_is_as_the_table_says() {
    const WHO: [(&str, Source, bool); 7] = [
        ("alice", Source::Client, true),
        ("ada", Source::Client, true),
        ("bob", Source::Client, true),
        ("carol", Source::Client, false),
        ("mallory", Source::Client, false),
        ("desk", Source::ServerApi, true),
        ("desk", Source::System, true),
    ];
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        let id = team(&mut stand, &["ada", "bob", "carol"]).await;
        stand.group("alice", "team", GroupRequest::SetRole(vec![user("ada")], Role::Admin)).await;
        let seq = stand.send_message("bob", notice(to_group("team"), 0)).await.seq;
        for (name, source, may) in WHO {
            let session = stand.command_from(name, source, of(&id, seq, None, 0));
            match stand.reply(session).await {
                Reply::Frame(ServerFrame::Confirmations(page)) => {
                    assert!(may, "{name} {source:?} sees {page:?}");
                    assert_eq!((page.confirmed, page.of), (0, 3));
                }
                Reply::Frame(ServerFrame::Nack(nack)) => {
                    assert!(!may && nack.code == Code::Forbidden, "{name} {source:?}: {nack:?}");
                }
                other => panic!("{other:?}"),
            }
        }
        stand.stop().await;
    }
}

#[tokio::test]
async fn of_two_the_other_confirms_also_after_a_restart_in_between() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        let id = direct("alice", "bob");
        stand.listen_user("bob");
        assert_eq!(
            stand.nack("alice", confirm(&id, Seq(1))).await.code,
            Code::NotFound,
            "nobody said anything"
        );
        let alone = stand.nack("alice", Request::Send(notice(to_user("alice"), 0))).await;
        assert_eq!(brief(&alone), (Code::BadField, "send"));
        let seq = stand.send_message("alice", notice(to_user("bob"), 0)).await.seq;
        let until = stand
            .frame(&Target::User(user("bob")), |frame| match frame {
                ServerFrame::Event(event) => event.entry.body.must_confirm(),
                _ => None,
            })
            .await;
        assert!(until.until > lifecycle::wall_clock_ms() && until.numbers == 2);
        until_waiting(&mut stand, "bob", &id, &[seq]).await;
        let store = stand.stop().await;

        let mut stand = Stand::start(store, config()).await;
        // Another message: a head row written by one who never looked keeps what waits.
        stand.send("alice", to_user("bob"), "really").await;
        let store = stand.stop().await;
        let mut stand = Stand::start(store, config()).await;
        assert_eq!(waiting(&mut stand, "bob", &id).await, [seq]);
        assert_eq!(state(&mut stand, "alice", &id, seq).await, ("0/1".into(), vec!["bob no".into()]));
        confirms(&mut stand, "bob", &id, seq).await;
        assert_eq!(state(&mut stand, "alice", &id, seq).await, ("1/1".into(), vec!["bob yes".into()]));
        assert_eq!(waiting(&mut stand, "bob", &id).await, []);
        assert_eq!(stand.nack("bob", of(&id, seq, None, 0)).await.code, Code::Forbidden, "bob only confirms");
        stand.stop().await;
    }
}

#[tokio::test]
async fn a_recall_and_its_time_end_it() {
    let mut stand = Stand::start(Store::memory(), config()).await;
    let id = team(&mut stand, &["bob", "carol"]).await;
    let recalled = stand.send_message("alice", notice(to_group("team"), 0)).await.seq;
    confirms(&mut stand, "bob", &id, recalled).await;
    let edit = Change::Edit(Some(Body::text("read this well")));
    let target = MessageTarget { seq: recalled, message_id: None };
    stand.send_message("alice", Send::change(ClientMessageId::now(), id.clone(), target, &edit)).await;
    assert_eq!(state(&mut stand, "alice", &id, recalled).await.0, "1/2", "an edit changes nothing of it");
    recalls(&mut stand, "alice", &id, recalled).await;
    let soon = lifecycle::wall_clock_ms() + 300;
    let brief_one = stand.send_message("alice", notice(to_group("team"), soon)).await.seq;
    let expiry = wire::Expiry { after_seconds: 1, time: soon, expired: false };
    let expiring = notice(to_group("team"), 0);
    let expiring = Send { body: expiring.body.with_expiry(Some(expiry)), ..expiring };
    let expiring = stand.send_message("alice", expiring).await.seq;
    while lifecycle::wall_clock_ms() <= soon {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for restarted in [false, true] {
        if restarted {
            let store = stand.stop().await;
            stand = Stand::start(store, config()).await;
        }
        for (seq, code) in [(recalled, Code::Recalled), (brief_one, Code::Expired), (expiring, Code::Expired)]
        {
            let nack = stand.nack("carol", confirm(&id, seq)).await;
            assert_eq!(brief(&nack), (code, "confirm"), "{seq} {restarted}");
        }
        for (seq, code) in [(recalled, Code::Recalled), (expiring, Code::Expired)] {
            assert_eq!(stand.nack("alice", of(&id, seq, None, 0)).await.code, code);
        }
        assert_eq!(state(&mut stand, "alice", &id, brief_one).await.0, "0/2", "who had not, until its end");
        until_waiting(&mut stand, "carol", &id, &[]).await;
    }
    stand.stop().await;
}

#[tokio::test]
async fn so_many_wait_and_no_more() {
    let confirms_rules = ConfirmRules { open_max: 2, window_ms: 60_000 };
    let few = || RouterConfig { confirms: confirms_rules, ..config() };
    let mut stand = Stand::start(Store::memory(), few()).await;
    let id = team(&mut stand, &["bob"]).await;
    let latest = Timestamp(lifecycle::wall_clock_ms() + 120_000).0;
    let first = stand.send_message("alice", notice(to_group("team"), latest)).await.seq;
    let second = stand.send_message("bob", notice(to_group("team"), 0)).await.seq;
    let third = || Request::Send(notice(to_group("team"), 0));
    assert_eq!(brief(&stand.nack("alice", third()).await), (Code::Unconfirmed, "send"));
    let past = Request::Send(notice(to_group("team"), 1));
    assert!(matches!(stand.nack("alice", past).await.code, Code::Unconfirmed | Code::BadField));
    let store = stand.stop().await;
    let mut stand = Stand::start(store, few()).await;
    assert_eq!(stand.nack("alice", third()).await.code, Code::Unconfirmed, "a restart changes nothing");
    confirms(&mut stand, "bob", &id, first).await;
    let fourth = stand.send_message("alice", notice(to_group("team"), 0)).await.seq;
    assert_eq!(stand.nack("alice", third()).await.code, Code::Unconfirmed);
    recalls(&mut stand, "bob", &id, second).await;
    stand.send_message("alice", notice(to_group("team"), 0)).await;
    until_waiting(&mut stand, "bob", &id, &[fourth, Seq(fourth.0 + 2)]).await;
    // Who leaves is not waited for.
    stand.group("bob", "team", GroupRequest::Leave).await;
    let nobody = stand.nack("alice", third()).await;
    assert_eq!(brief(&nobody), (Code::BadField, "send"), "alone");
    stand.stop().await;
}

#[tokio::test]
async fn many_at_once_are_few_writes() {
    let members: Vec<String> = (0..300).map(|number| format!("member-{number}")).collect();
    let group = router::GroupRules { members_max: 1_000, ..config().group };
    let mut stand = Stand::start(Store::memory(), RouterConfig { group, ..config() }).await;
    let names: Vec<&str> = members.iter().map(String::as_str).collect();
    let id = team(&mut stand, &names).await;
    let seq = stand.send_message("alice", notice(to_group("team"), 0)).await.seq;
    let asked: Vec<u64> = names.iter().map(|name| stand.command(name, confirm(&id, seq))).collect();
    for session in asked {
        assert!(matches!(stand.reply(session).await, Reply::Frame(ServerFrame::Confirmed(_))));
    }
    assert_eq!(state(&mut stand, "alice", &id, seq).await.0, "300/300");
    let rows = stand.store.confirmations(&id, seq).await.unwrap();
    assert_eq!(rows.len(), 1, "one owner, one row");
    assert!(rows[0].value.len() <= 4 + 300 / 8 + 8, "a bit for each");
    stand.stop().await;
}
