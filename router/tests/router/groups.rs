//! Groups: their life, who may do what, and who is told.

use proto::command::{GroupRequest, Source};
use proto::delivery::Control;
use proto::{Body, Code, ConversationId, Payload, Reply, Request, Seq, ServerFrame, Target, wire};

use crate::stand::{Stand, config, group, message, stores, to_group, user};

fn create(members: &[&str]) -> GroupRequest {
    GroupRequest::Create {
        name: "Team".into(),
        members: members.iter().map(|name| user(name)).collect(),
        settings: None,
    }
}

/// Until the user's gateways are told so; words of before may be told again meanwhile.
async fn control(stand: &mut Stand, name: &str, expected: Control) {
    let target = Target::User(user(name));
    stand
        .wait(|delivery| match &delivery.payload {
            Payload::Control(control) => (delivery.target == target && *control == expected).then_some(()),
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn a_group_lives_from_its_creation_to_its_end() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        ["alice", "bob", "carol"].iter().for_each(|name| stand.listen_user(name));
        stand.listen_group("team");
        assert_eq!(stand.group("alice", "team", create(&["bob"])).await, (Seq(1), 2));
        control(&mut stand, "bob", Control::JoinedGroup(group("team"))).await;
        assert_eq!(stand.send("bob", to_group("team"), "hello").await.seq, Seq(2));
        assert_eq!(stand.event(&Target::Group(group("team")), "hello").await, Seq(2));
        assert_eq!(stand.group("carol", "team", GroupRequest::Join).await, (Seq(3), 3));
        control(&mut stand, "carol", Control::JoinedGroup(group("team"))).await;
        assert_eq!(
            stand.group("carol", "team", GroupRequest::Join).await,
            (Seq::ZERO, 3),
            "nothing to change"
        );
        let remove = GroupRequest::Remove(vec![user("carol")]);
        assert_eq!(stand.group("alice", "team", remove).await, (Seq(4), 2));
        control(&mut stand, "carol", Control::LeftGroup(group("team"))).await;
        assert_eq!(stand.group("bob", "team", GroupRequest::Leave).await, (Seq(5), 1));
        assert_eq!(stand.group("alice", "team", GroupRequest::Dismiss).await, (Seq(6), 1));
        let send = Request::Send(message(to_group("team"), "anyone?"));
        assert_eq!(stand.nack("alice", send).await.code, Code::Dismissed);
        stand.stop().await;
    }
}

#[tokio::test]
async fn what_one_may_not_do_in_a_group_is_refused() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        let group_request = |request| Request::Group(group("team"), request);
        let send = || Request::Send(message(to_group("team"), "hi"));
        assert_eq!(stand.nack("alice", send()).await.code, Code::NotFound);
        assert_eq!(stand.nack("alice", group_request(GroupRequest::Join)).await.code, Code::NotFound);
        stand.group("alice", "team", create(&["bob"])).await;
        assert_eq!(stand.nack("alice", group_request(create(&[]))).await.code, Code::Conflict);
        assert_eq!(stand.nack("mallory", send()).await.code, Code::Forbidden);
        let add = GroupRequest::Add(vec![user("mallory")]);
        assert_eq!(stand.nack("bob", group_request(add)).await.code, Code::Forbidden);
        assert_eq!(stand.nack("bob", group_request(GroupRequest::Dismiss)).await.code, Code::Forbidden);
        assert_eq!(stand.nack("alice", group_request(GroupRequest::Leave)).await.code, Code::OwnerMustStay);
        let many = GroupRequest::Add(["a", "b", "c", "d"].map(user).to_vec());
        assert_eq!(stand.nack("alice", group_request(many)).await.code, Code::GroupFull);
        let notice = wire::system::Change::Notice(wire::Notice { text: "down at noon".into() });
        let mut forged = message(to_group("team"), "");
        forged.body = Body::system(notice);
        assert_eq!(stand.nack("alice", Request::Send(forged.clone())).await.code, Code::Forbidden);
        let session = stand.command_from("ops", Source::ServerApi, Request::Send(forged));
        assert!(
            matches!(stand.reply(session).await, Reply::Frame(ServerFrame::Ack(ack)) if ack.seq == Seq(2))
        );
        stand.stop().await;
    }
}

#[tokio::test]
async fn membership_survives_a_restart() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start(store, config()).await;
        stand.group("alice", "team", create(&["bob"])).await;
        stand.group("carol", "team", GroupRequest::Join).await;
        stand.group("bob", "team", GroupRequest::Leave).await;
        let store = stand.stop().await;
        let mut stand = Stand::start(store, config()).await;
        assert_eq!(stand.send("carol", to_group("team"), "still here").await.seq, Seq(4));
        let send = Request::Send(message(to_group("team"), "gone"));
        assert_eq!(stand.nack("bob", send).await.code, Code::Forbidden);
        let Reply::Groups(groups) = stand.ask("carol", Request::Connected(None)).await else {
            panic!("no groups")
        };
        assert_eq!(groups, [group("team")]);
        let Reply::Groups(groups) = stand.ask("bob", Request::Connected(None)).await else {
            panic!("no groups")
        };
        assert!(groups.is_empty());
        let heads = Request::Heads(vec![ConversationId::group(&group("team"))]);
        let Reply::Heads(heads) = stand.ask("carol", heads).await else { panic!("no heads") };
        assert!(heads[0].member);
        assert_eq!((heads[0].seq, heads[0].counted), (Seq(4), 1));
        stand.stop().await;
    }
}
