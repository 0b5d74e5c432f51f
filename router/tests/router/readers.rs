//! Who has received and read a message, page by page, from memory and from the store.

use proto::client_frame::{Position, ReadersOf};
use proto::command::GroupRequest;
use proto::server_frame::Readers;
use proto::settings::{Private, PrivateChange};
use proto::{Code, ConversationId, Reply, Request, Seq, ServerFrame};

use crate::stand::{Stand, config, direct, group, stores, to_group, to_user, user};

fn of(id: &ConversationId, seq: Seq, after: Option<&str>, limit: u32) -> Request {
    Request::Readers(ReadersOf { conversation: id.clone(), seq, after: after.map(user), limit })
}

async fn readers(stand: &mut Stand, request: Request) -> Readers {
    match stand.ask("alice", request).await {
        Reply::Frame(ServerFrame::Readers(readers)) => readers,
        other => panic!("no readers but {other:?}"),
    }
}

fn said(page: &Readers) -> Vec<(&str, bool, bool)> {
    page.readers.iter().map(|one| (one.user.as_str(), one.delivered, one.read)).collect()
}

#[tokio::test]
async fn all_who_were_there_are_listed_page_by_page() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        let members = ["bob", "carol", "dave"].map(user).to_vec();
        stand
            .group("alice", "team", GroupRequest::Create { name: "T".into(), members, settings: None })
            .await;
        let team = ConversationId::group(&group("team"));
        let ack = stand.send("alice", to_group("team"), "well?").await;
        let seq = ack.seq;
        while lifecycle::wall_clock_ms() <= ack.time.0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        stand.group("alice", "team", GroupRequest::Add(vec![user("erin")])).await;
        stand.ask("carol", Request::Read(Position { conversation: team.clone(), seq })).await;
        stand.ask("dave", Request::Delivered(Position { conversation: team.clone(), seq })).await;
        // What is in memory of deliveries is written soon.
        let all = [("bob", false, false), ("carol", true, true), ("dave", true, false)];
        for _ in 0..3_000 {
            if said(&readers(&mut stand, of(&team, seq, None, 0)).await) == all {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        for restarted in [false, true] {
            if restarted {
                let store = stand.stop().await;
                stand = Stand::start(store, config()).await;
            }
            let page = readers(&mut stand, of(&team, seq, None, 0)).await;
            assert_eq!(
                (said(&page), &page.next, page.seq),
                (all.to_vec(), &None, seq),
                "but erin, who came later"
            );
            let (mut paged, mut after) = (Vec::new(), None);
            loop {
                let page = readers(&mut stand, of(&team, seq, after.as_deref(), 2)).await;
                assert!(page.readers.len() <= 2);
                paged.extend(page.readers);
                let Some(next) = page.next else { break };
                after = Some(next.to_string());
            }
            let names: Vec<&str> = paged.iter().map(|one| one.user.as_str()).collect();
            assert_eq!(names, ["bob", "carol", "dave"]);
            for nothing in [Seq(0), Seq(99)] {
                assert_eq!(stand.nack("alice", of(&team, nothing, None, 0)).await.code, Code::NotFound);
            }
            let refused = stand.nack("mallory", of(&team, seq, None, 0)).await;
            assert_eq!((refused.code, refused.frame), (Code::Forbidden, "readers"));
        }
        stand.stop().await;
    }
}

#[tokio::test]
async fn of_two_the_other_is_listed_and_what_is_gone_is_not() {
    let mut stand = Stand::start(store::Store::memory(), config()).await;
    let with_bob = direct("alice", "bob");
    let seq = stand.send("alice", to_user("bob"), "well?").await.seq;
    let page = readers(&mut stand, of(&with_bob, seq, None, 0)).await;
    assert_eq!(said(&page), [("bob", false, false)]);
    stand.ask("bob", Request::Read(Position { conversation: with_bob.clone(), seq })).await;
    let page = readers(&mut stand, of(&with_bob, seq, None, 0)).await;
    assert_eq!(said(&page), [("bob", true, true)]);
    assert_eq!(said(&readers(&mut stand, of(&with_bob, seq, Some("bob"), 0)).await), []);
    let what = Private::Delete(vec![seq]);
    let delete = Request::Private(PrivateChange { conversation: with_bob.clone(), what });
    stand.ask("alice", delete).await;
    assert_eq!(stand.nack("alice", of(&with_bob, seq, None, 0)).await.code, Code::NotFound);
}
