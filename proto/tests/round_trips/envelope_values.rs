//! Any command and any delivery.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proto::broadcast::{BroadcastReport, BroadcastRequest, BroadcastState};
use proto::command::{GroupRequest, Once, Source};
use proto::delivery::{
    Class, Confirming, Control, Fanout, GroupDone, HeadState, RoomAnswer, RoomOpen, SessionClaim,
};
use proto::group::{NewLink, Role, TokenHash};
use proto::presence::{PresenceSeen, PresenceWatch};
use proto::{
    Command, ContactRequest, Delivery, Entry, Epoch, Heartbeat, LinkId, NodeId, Origin, Partition, Payload,
    Reply, Request, SharedFrame, Target,
};

use super::body_values::body;
use super::frame_values::{
    entry, fetch, group_edit, nack, position, private_change, readers_of, recipient, send_with, server_frame,
    sync, text, user_presence,
};
use super::id_values::{
    client_message_id, conversation_id, device_id, group_id, login_id, seq, session_ref, time, trace, user_id,
};

pub fn command() -> impl Strategy<Value = Command> {
    let source =
        prop_oneof![Just(Source::Client), Just(Source::ServerApi), Just(Source::System), Just(Source::Room)];
    let origin = (user_id(), device_id(), session_ref(), source)
        .prop_map(|(user, device, session, source)| Origin { user, device, session, source });
    let once = (client_message_id(), any::<u32>(), any::<u64>());
    let once = option::of(once.prop_map(|(id, attempt, age_ms)| Once { id, attempt, age_ms }));
    (origin, time(), any::<u64>().prop_map(Epoch), trace(), once, request()).prop_map(
        |(origin, deadline, epoch, trace, once, request)| Command {
            origin,
            deadline,
            epoch,
            trace,
            once,
            request,
        },
    )
}

pub fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    let partition = (0..1024_u16).prop_map(|number| Partition::new(number).unwrap());
    let serving = vec((partition, any::<u64>().prop_map(Epoch)), 0..5);
    (any::<u64>(), any::<u128>(), serving, any::<bool>(), any::<u64>()).prop_map(
        |(router, incarnation, serving, draining, sent_ms)| Heartbeat {
            router,
            incarnation,
            serving,
            draining,
            sent_ms,
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        4 => send_with(body()).boxed().prop_map(Request::Send),
        1 => fetch().prop_map(Request::Fetch),
        1 => sync().prop_map(Request::Sync),
        1 => position().prop_map(Request::Read),
        1 => position().prop_map(Request::Delivered),
        1 => recipient().prop_map(Request::Typing),
        1 => vec(conversation_id(), 0..4).prop_map(Request::Heads),
        2 => private_change().boxed().prop_map(Request::Private),
        1 => option::of(login_id()).prop_map(Request::Connected),
        1 => Just(Request::PresenceChanged),
        1 => group_id().prop_map(Request::JoinRoom),
        2 => broadcast_request().boxed().prop_map(Request::Broadcast),
        1 => readers_of().prop_map(Request::Readers),
        1 => position().prop_map(Request::Confirm),
        1 => readers_of().prop_map(Request::Confirmations),
        1 => Just(Request::Disconnected),
        3 => (group_id(), group_request().boxed()).prop_map(|(group, request)| Request::Group(group, request)),
        1 => (time(), option::of(device_id())).prop_map(|(began, kind)| Request::Claim { began, kind }),
        3 => (user_id(), contact_request()).prop_map(|(user, request)| Request::Contact(user, request)),
        1 => (any::<u32>(), vec(user_id(), 0..4))
            .prop_map(|(round, users)| Request::WatchPresence(PresenceWatch { round, users })),
    ]
}

fn broadcast_request() -> impl Strategy<Value = BroadcastRequest> {
    let report = (client_message_id(), any::<u64>(), any::<u64>(), any::<u64>(), time())
        .prop_map(|(id, told, missed, left, begun)| BroadcastReport { id, told, missed, left, begun });
    prop_oneof![
        (client_message_id(), body()).prop_map(|(id, body)| BroadcastRequest::Begin { id, body }),
        report.prop_map(BroadcastRequest::Report),
        client_message_id().prop_map(BroadcastRequest::State),
    ]
}

fn contact_request() -> impl Strategy<Value = ContactRequest> {
    prop_oneof![
        text(0..20).prop_map(ContactRequest::Apply),
        Just(ContactRequest::Accept),
        Just(ContactRequest::Reject),
        Just(ContactRequest::Remove),
        Just(ContactRequest::Block),
        Just(ContactRequest::Unblock),
        text(0..20).prop_map(ContactRequest::Remark),
    ]
}

fn group_request() -> impl Strategy<Value = GroupRequest> {
    let users = || vec(user_id(), 0..4);
    let settings = option::of(group_edit().prop_map(Box::new)).boxed();
    let roles = prop_oneof![Just(Role::Member), Just(Role::Admin), Just(Role::Owner)];
    prop_oneof![
        (text(0..20), users(), settings).prop_map(|(name, members, settings)| GroupRequest::Create {
            name,
            members,
            settings
        }),
        Just(GroupRequest::Leave),
        users().prop_map(GroupRequest::Add),
        users().prop_map(GroupRequest::Remove),
        Just(GroupRequest::Dismiss),
        group_edit().boxed().prop_map(|edit| GroupRequest::Edit(Box::new(edit))),
        (users(), roles).prop_map(|(users, role)| GroupRequest::SetRole(users, role)),
        user_id().prop_map(GroupRequest::Transfer),
        (users(), time()).prop_map(|(users, until)| GroupRequest::Mute(users, until)),
        time().prop_map(GroupRequest::MuteAll),
        (user_id(), text(0..9)).prop_map(|(user, nickname)| GroupRequest::SetNickname(user, nickname)),
        joining_request().boxed(),
    ]
}

fn joining_request() -> impl Strategy<Value = GroupRequest> {
    let users = || vec(user_id(), 0..4);
    let link = || user_id().prop_map(|id| LinkId::parse(id.as_str()).unwrap());
    let token = || any::<[u8; 32]>().prop_map(TokenHash);
    let new_link = (link(), token(), time(), any::<u32>())
        .prop_map(|(link, token, expires, uses_max)| NewLink { link, token, expires, uses_max });
    prop_oneof![
        Just(GroupRequest::Join),
        token().prop_map(GroupRequest::JoinByLink),
        text(0..9).prop_map(|note| GroupRequest::AskToJoin { note }),
        users().prop_map(GroupRequest::Approve),
        users().prop_map(GroupRequest::Reject),
        (users(), time()).prop_map(|(users, expires)| GroupRequest::Invite(users, expires)),
        users().prop_map(GroupRequest::Uninvite),
        new_link.prop_map(GroupRequest::MakeLink),
        link().prop_map(GroupRequest::EndLink),
    ]
}

pub fn delivery() -> impl Strategy<Value = Delivery> {
    let target = prop_oneof![
        user_id().prop_map(Target::User),
        group_id().prop_map(Target::Group),
        user_id().prop_map(Target::Presence),
        any::<u64>().prop_map(|node| Target::Node(NodeId(node))),
        Just(Target::Everyone),
    ];
    let payload = prop_oneof![
        2 => fanout().prop_map(Payload::Fanout),
        2 => (any::<u64>(), reply()).prop_map(|(session, reply)| Payload::Reply(session, reply)),
        1 => control().prop_map(Payload::Control),
        1 => server_frame().prop_map(|frame| Payload::Broadcast(Arc::new(SharedFrame::new(frame)))),
    ];
    (target, payload, trace()).prop_map(|(target, payload, trace)| Delivery { target, payload, trace })
}

fn fanout() -> impl Strategy<Value = Fanout> {
    let class = prop_oneof![Just(Class::Event), Just(Class::Receipt), Just(Class::Signal), Just(Class::Live)];
    (server_frame(), class, conversation_id(), seq(), option::of(session_ref())).prop_map(
        |(frame, class, conversation, seq, except)| Fanout {
            frame: Arc::new(SharedFrame::new(frame)),
            class,
            conversation,
            seq,
            except,
        },
    )
}

fn reply() -> impl Strategy<Value = Reply> {
    let done = (group_id(), seq(), any::<u32>(), any::<bool>()).prop_map(|(group, seq, members, pending)| {
        Reply::GroupDone(GroupDone { group, seq, members, pending })
    });
    prop_oneof![
        Just(Reply::Settled),
        server_frame().prop_map(Reply::Frame),
        vec(group_id(), 0..4).prop_map(Reply::Groups),
        vec(head_state(), 0..3).prop_map(Reply::Heads),
        done,
        (any::<u32>(), vec(user_presence(), 0..3), vec(user_id(), 0..3)).prop_map(
            |(round, shown, hidden)| { Reply::Presence(Box::new(PresenceSeen { round, shown, hidden })) }
        ),
        room_answer().prop_map(Reply::Room),
        broadcast_state().prop_map(Reply::Broadcast),
    ]
}

fn room_answer() -> impl Strategy<Value = RoomAnswer> {
    let open = (any::<bool>(), seq()).prop_map(|(history, head)| RoomOpen { history, head });
    let answer = prop_oneof![open.prop_map(Ok), nack().prop_map(Err)];
    (group_id(), answer).prop_map(|(room, answer)| RoomAnswer { room, answer })
}

fn broadcast_state() -> impl Strategy<Value = BroadcastState> {
    let counts = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    let times = (time(), option::of(time()), any::<u32>());
    (client_message_id(), any::<u32>(), counts, times).prop_map(
        |(id, shards, (told, missed, left, lost), (begun, ended, per_second))| BroadcastState {
            id,
            begun,
            shards,
            told,
            missed,
            left,
            lost,
            per_second,
            ended,
        },
    )
}

fn confirming() -> impl Strategy<Value = Confirming> {
    (seq(), user_id(), time(), any::<u32>()).prop_map(|(seq, sender, until, numbers)| Confirming {
        seq,
        sender,
        until,
        numbers,
    })
}

fn head_state() -> impl Strategy<Value = HeadState> {
    let of_reader = (any::<bool>(), seq(), any::<u32>(), option::of(vec(confirming(), 0..3)));
    (conversation_id(), seq(), any::<u64>(), option::of(entry()), of_reader).prop_map(
        |(conversation, seq, counted, last, (member, floor, retention_seconds, confirming))| HeadState {
            conversation,
            seq,
            counted,
            last: last.map(|last| Entry { counted, ..last }),
            member,
            floor,
            retention_seconds,
            confirming,
        },
    )
}

fn control() -> impl Strategy<Value = Control> {
    prop_oneof![
        group_id().prop_map(Control::JoinedGroup),
        group_id().prop_map(Control::LeftGroup),
        group_id().prop_map(Control::RoomEnded),
        option::of(login_id()).prop_map(Control::Revoke),
        (session_ref(), time(), option::of(device_id()))
            .prop_map(|(session, began, kind)| Control::Claim(SessionClaim { session, began, kind })),
        user_presence().prop_map(|presence| Control::Presence(Box::new(presence))),
        Just(Control::PresenceRules),
        user_id().prop_map(Control::PresenceOf),
    ]
}
