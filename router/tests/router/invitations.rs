//! Who is invited to a group is told so, finds it in their list, and is told how it ended.

use proto::client_frame::Sync;
use proto::command::GroupRequest;
use proto::group::{GroupEdit, JoinPolicy};
use proto::server_frame::{ConversationState, Delta, Invitation};
use proto::{Code, ConversationId, Reply, Request, ServerFrame, Target, Timestamp};

use crate::stand::{Stand, config, group, stores, user};

/// Far enough.
const LATER: Timestamp = Timestamp(u64::MAX >> 1);

fn invite(name: &str) -> GroupRequest {
    GroupRequest::Invite(vec![user(name)], LATER)
}

async fn make(stand: &mut Stand, id: &str) {
    let settings = GroupEdit { join: Some(JoinPolicy::Invitation), ..GroupEdit::default() };
    let settings = Some(Box::new(settings));
    let members = vec![user("carol")];
    stand.group("alice", id, GroupRequest::Create { name: "Team".into(), members, settings }).await;
}

async fn told(stand: &mut Stand, name: &str) -> Invitation {
    stand
        .frame(&Target::User(user(name)), |frame| match frame {
            ServerFrame::Invitation(of) => Some((**of).clone()),
            _ => None,
        })
        .await
}

async fn sync(stand: &mut Stand, name: &str, cursor: &str) -> Delta {
    match stand.ask(name, Request::Sync(Sync { cursor: cursor.into(), open: Vec::new() })).await {
        Reply::Frame(ServerFrame::Delta(delta)) => delta,
        other => panic!("no delta but {other:?}"),
    }
}

/// Asks until the line of the group is so.
async fn line(
    stand: &mut Stand,
    cursor: &str,
    fits: impl Fn(&ConversationState) -> bool,
) -> (ConversationState, String) {
    let team = ConversationId::group(&group("team"));
    for _ in 0..3_000 {
        let delta = sync(stand, "bob", cursor).await;
        let mut lines = delta.conversations.into_iter();
        if let Some(line) = lines.find(|line| line.conversation == team && fits(line)) {
            return (line, delta.cursor);
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the list never showed it")
}

#[tokio::test]
async fn who_is_invited_is_told_and_finds_it_in_their_list() {
    for (store, _keep) in stores().await {
        let mut stand = Stand::start_listening(store, config(), &["bob", "carol"]).await;
        make(&mut stand, "team").await;
        let first = sync(&mut stand, "bob", "").await;
        assert!(first.conversations.is_empty());
        stand.group("alice", "team", invite("bob")).await;
        let of = Invitation { group: group("team"), name: "Team".into(), by: user("alice"), expires: LATER };
        assert_eq!(told(&mut stand, "bob").await, of);
        let (invited, cursor) = line(&mut stand, &first.cursor, |line| line.invitation.is_some()).await;
        assert_eq!(invited.invitation.as_deref(), Some(&of));
        assert!(invited.left && invited.last.is_none() && invited.unread == 0, "no member: {invited:?}");
        let (fresh, _) = line(&mut stand, "", |_| true).await;
        assert_eq!(fresh, invited, "for a new device too");

        // The next owner knows it as well.
        let store = stand.stop().await;
        let mut stand = Stand::start_listening(store, config(), &["bob", "carol"]).await;
        assert_eq!(line(&mut stand, "", |_| true).await.0, invited);
        stand.group("bob", "team", GroupRequest::Uninvite(vec![user("bob")])).await;
        let ended = told(&mut stand, "bob").await;
        assert_eq!((ended.group, ended.expires), (group("team"), Timestamp(0)));
        let (declined, _) = line(&mut stand, &cursor, |line| line.invitation.is_none()).await;
        assert!(declined.left);
        let join = Request::Group(group("team"), GroupRequest::Join);
        assert_eq!(stand.nack("bob", join.clone()).await.code, Code::JoinClosed);
        let nothing = sync(&mut stand, "bob", "").await;
        assert!(nothing.conversations.is_empty(), "a new device need not hear of it: {nothing:?}");

        stand.group("alice", "team", invite("bob")).await;
        assert_eq!(told(&mut stand, "bob").await.expires, LATER);
        stand.ask("bob", join).await;
        let (joined, _) = line(&mut stand, &cursor, |line| !line.left).await;
        assert_eq!((joined.invitation, joined.name.as_deref()), (None, Some("Team")));
        let to_carol = Target::User(user("carol"));
        assert!(
            !stand
                .others()
                .any(|other| other.target == to_carol && format!("{other:?}").contains("Invitation")),
            "nobody else is told"
        );
        stand.stop().await;
    }
}

#[tokio::test]
async fn an_invitation_ends_with_its_time_and_with_its_group() {
    let mut stand = Stand::start_listening(store::Store::memory(), config(), &["bob"]).await;
    make(&mut stand, "team").await;
    let soon = Timestamp(lifecycle::wall_clock_ms()).plus_ms(1_500);
    stand.group("alice", "team", GroupRequest::Invite(vec![user("bob")], soon)).await;
    assert_eq!(told(&mut stand, "bob").await.expires, soon);
    line(&mut stand, "", |line| line.invitation.is_some()).await;
    let cursor = sync(&mut stand, "bob", "").await.cursor;
    line(&mut stand, &cursor, |line| line.invitation.is_none()).await;
    stand.group("alice", "team", invite("bob")).await;
    assert_eq!(told(&mut stand, "bob").await.expires, LATER);
    line(&mut stand, &cursor, |line| line.invitation.is_some()).await;
    stand.group("alice", "team", GroupRequest::Dismiss).await;
    assert_eq!(told(&mut stand, "bob").await.expires, Timestamp(0), "dismissed");
    line(&mut stand, &cursor, |line| line.invitation.is_none()).await;
}
