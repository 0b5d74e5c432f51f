//! Any valid frame.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proto::client_frame::{AckMode, Fetch, Hello, Position, Recipient, Send, Sync};
use proto::group::{GroupEdit, History, JoinPolicy};
use proto::server_frame::{
    Ack, ConversationState, Delta, Event, Head, Limits, Nack, Page, Pong, Receipt, Typing, Welcome,
};
use proto::wire::system::Change;
use proto::{Body, ClientFrame, Code, Entry, Seq, ServerFrame, wire};

use super::id_values::{
    client_message_id, conversation_id, device_id, message_id, seq, session_ref, time, user_id,
};

pub fn text(characters: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = String> {
    let any = prop_oneof![any::<char>(), prop::sample::select(vec!['"', '\\', '\n', '\0', 'a', 'é', '😀'])];
    vec(any, characters).prop_map(String::from_iter)
}

/// Bodies that clients may send.
pub fn client_body() -> impl Strategy<Value = Body> {
    let custom = (text(1..16), text(0..40)).prop_map(|(kind, json)| {
        let custom = wire::Custom { r#type: kind, json };
        Body::from_wire(&wire::Body { kind: Some(wire::body::Kind::Custom(custom)) })
    });
    prop_oneof![3 => text(1..60).prop_map(Body::text), 1 => custom]
}

pub fn body() -> impl Strategy<Value = Body> {
    let users = || vec(text(1..8), 0..4);
    let members = move || users().prop_map(|users| wire::MembersChange { users });
    let created = (text(0..9), text(0..9), users(), option::of(edited())).prop_map(
        |(name, owner, members, settings)| {
            Change::Created(wire::GroupCreated { name, owner, members, settings })
        },
    );
    let change = prop_oneof![
        created,
        group_change().boxed(),
        joining_change().boxed(),
        members().prop_map(Change::Joined),
        members().prop_map(Change::Left),
        members().prop_map(Change::Added),
        members().prop_map(Change::Removed),
        Just(Change::Dismissed(wire::GroupDismissed {})),
        text(0..40).prop_map(|text| Change::Notice(wire::Notice { text })),
    ];
    prop_oneof![3 => client_body(), 1 => change.boxed().prop_map(Body::system), 1 => Just(Body::text(""))]
}

fn edited() -> impl Strategy<Value = wire::GroupEdited> {
    group_edit().prop_map(|edit| edit.to_wire())
}

/// What shall change of a group.
pub fn group_edit() -> impl Strategy<Value = GroupEdit> {
    let some = || option::of(text(0..9));
    let join = prop_oneof![Just(JoinPolicy::Open), Just(JoinPolicy::Request), Just(JoinPolicy::Invitation)];
    let history = prop_oneof![Just(History::Whole), Just(History::FromJoining)];
    let texts = (some(), some(), some(), some(), vec((text(1..5), text(0..5)), 0..3));
    let rules = (option::of(join), option::of(history), option::of(any::<bool>()), option::of(any::<u32>()));
    (texts, rules).prop_map(
        |((name, description, announcement, avatar, attributes), (join, history, read_only, members_max))| {
            GroupEdit {
                name,
                description,
                announcement,
                avatar,
                attributes,
                join,
                history,
                read_only,
                members_max,
            }
        },
    )
}

fn group_change() -> impl Strategy<Value = Change> {
    let users = || vec(text(1..8), 0..4);
    let role = (users(), 0..3_i32).prop_map(|(users, role)| Change::RoleSet(wire::RoleSet { users, role }));
    let transferred =
        (text(0..9), text(0..9)).prop_map(|(from, to)| Change::Transferred(wire::Transferred { from, to }));
    let muted =
        (users(), any::<u64>()).prop_map(|(users, until)| Change::Muted(wire::Muted { users, until }));
    let nicknamed = (text(0..9), text(0..9))
        .prop_map(|(user, nickname)| Change::Nicknamed(wire::Nicknamed { user, nickname }));
    prop_oneof![
        edited().prop_map(Change::Edited),
        role,
        transferred,
        muted,
        any::<u64>().prop_map(|until| Change::AllMuted(wire::AllMuted { until })),
        nicknamed,
    ]
}

fn joining_change() -> impl Strategy<Value = Change> {
    let users = || vec(text(1..8), 0..4);
    let members = move || users().prop_map(|users| wire::MembersChange { users });
    let asked = (text(0..9), text(0..9), any::<u64>())
        .prop_map(|(user, note, expires)| Change::JoinAsked(wire::JoinAsked { user, note, expires }));
    let invited = (users(), any::<u64>())
        .prop_map(|(users, expires)| Change::Invited(wire::Invited { users, expires }));
    let made = (text(0..9), text(0..9), any::<u64>(), any::<u32>()).prop_map(
        |(link, token_sha256, expires, uses_max)| {
            Change::LinkMade(wire::LinkMade { link, token_sha256, expires, uses_max })
        },
    );
    let by_link = (text(0..9), text(0..9))
        .prop_map(|(user, link)| Change::JoinedByLink(wire::JoinedByLink { user, link }));
    prop_oneof![
        asked,
        members().prop_map(Change::JoinApproved),
        members().prop_map(Change::JoinRejected),
        invited,
        members().prop_map(Change::Uninvited),
        made,
        text(0..9).prop_map(|link| Change::LinkEnded(wire::LinkEnded { link })),
        by_link,
    ]
}

pub fn send_with(body: impl Strategy<Value = Body>) -> impl Strategy<Value = Send> {
    let ack = prop_oneof![Just(AckMode::Persisted), Just(AckMode::None), Just(AckMode::Received)];
    let after = option::of(client_message_id());
    (client_message_id(), recipient(), body, ack, any::<u32>(), any::<u64>(), after).prop_map(
        |(client_message_id, to, body, ack, attempt, age_ms, after)| Send {
            client_message_id,
            to,
            body,
            ack,
            attempt,
            age_ms,
            after,
        },
    )
}

pub fn recipient() -> impl Strategy<Value = Recipient> {
    prop_oneof![conversation_id().prop_map(Recipient::Conversation), user_id().prop_map(Recipient::User),]
}

pub fn fetch() -> impl Strategy<Value = Fetch> {
    (conversation_id(), seq(), seq(), any::<u32>(), any::<bool>()).prop_map(
        |(conversation, from, to, limit, backwards)| Fetch { conversation, from, to, limit, backwards },
    )
}

pub fn sync() -> impl Strategy<Value = Sync> {
    (text(0..40), vec(position(), 0..5)).prop_map(|(cursor, open)| Sync { cursor, open })
}

pub fn position() -> impl Strategy<Value = Position> {
    (conversation_id(), seq()).prop_map(|(conversation, seq)| Position { conversation, seq })
}

pub fn client_frame() -> impl Strategy<Value = ClientFrame> {
    let hello = (text(0..40), option::of(device_id()), option::of(sync()))
        .prop_map(|(auth, device, resume)| Hello { auth, device, resume });
    prop_oneof![
        4 => send_with(client_body()).prop_map(ClientFrame::Send),
        1 => hello.prop_map(ClientFrame::Hello),
        1 => fetch().prop_map(ClientFrame::Fetch),
        1 => sync().prop_map(ClientFrame::Sync),
        1 => position().prop_map(ClientFrame::Read),
        1 => position().prop_map(ClientFrame::Delivered),
        1 => recipient().prop_map(ClientFrame::Typing),
        1 => Just(ClientFrame::Ping),
    ]
}

/// Entries as clients see them: without `counted`.
pub fn entry() -> impl Strategy<Value = Entry> {
    (seq(), message_id(), user_id(), time(), client_message_id(), body()).prop_map(
        |(seq, message_id, sender, time, client_message_id, body)| Entry {
            seq,
            message_id,
            sender,
            time,
            counted: 0,
            client_message_id,
            body,
        },
    )
}

pub fn server_frame() -> impl Strategy<Value = ServerFrame> {
    let event = (conversation_id(), entry()).prop_map(|(conversation, entry)| Event { conversation, entry });
    let typing =
        (conversation_id(), user_id()).prop_map(|(conversation, user)| Typing { conversation, user });
    let pong = (vec(head(), 0..3), time()).prop_map(|(heads, server_time)| Pong { heads, server_time });
    prop_oneof![
        4 => event.prop_map(ServerFrame::Event),
        2 => ack().prop_map(ServerFrame::Ack),
        1 => welcome().prop_map(|welcome| ServerFrame::Welcome(Box::new(welcome))),
        1 => nack().prop_map(ServerFrame::Nack),
        1 => page().prop_map(ServerFrame::Page),
        1 => delta().prop_map(ServerFrame::Delta),
        1 => receipt().prop_map(ServerFrame::Receipt),
        1 => typing.prop_map(ServerFrame::Typing),
        1 => head().prop_map(ServerFrame::Head),
        1 => pong.prop_map(ServerFrame::Pong),
        1 => any::<u64>().prop_map(ServerFrame::AuthExpiring),
        1 => any::<u32>().prop_map(ServerFrame::Goaway),
        1 => Just(ServerFrame::Resync),
        1 => Just(ServerFrame::TooLong),
    ]
}

fn welcome() -> impl Strategy<Value = Welcome> {
    let limits = any::<[u32; 5]>().prop_map(
        |[frame_bytes, body_bytes, unanswered, commands_per_second, page_entries]| Limits {
            frame_bytes,
            body_bytes,
            unanswered,
            commands_per_second,
            page_entries,
        },
    );
    (session_ref(), user_id(), any::<u32>(), limits, time(), any::<u64>()).prop_map(
        |(session, user, ping_ms, limits, server_time, auth_expires)| Welcome {
            session,
            user,
            ping_ms,
            limits,
            server_time,
            auth_expires,
        },
    )
}

fn ack() -> impl Strategy<Value = Ack> {
    (client_message_id(), conversation_id(), seq(), message_id(), time()).prop_map(
        |(client_message_id, conversation, seq, message_id, time)| Ack {
            client_message_id,
            conversation,
            seq,
            message_id,
            time,
        },
    )
}

fn nack() -> impl Strategy<Value = Nack> {
    let frame = prop::sample::select(vec!["", "send", "fetch", "sync", "read", "typing", "hello", "group"]);
    let code = prop::sample::select(Code::ALL);
    (option::of(client_message_id()), code, any::<u32>(), text(0..40), frame).prop_map(
        |(client_message_id, code, retry_after_ms, message, frame)| Nack {
            client_message_id,
            code,
            retry_after_ms,
            message,
            frame,
        },
    )
}

fn page() -> impl Strategy<Value = Page> {
    (conversation_id(), seq(), seq(), vec(entry(), 0..4), seq())
        .prop_map(|(conversation, from, to, entries, head)| Page { conversation, from, to, entries, head })
}

fn delta() -> impl Strategy<Value = Delta> {
    (vec(state(), 0..3), text(0..20), any::<bool>()).prop_map(|(conversations, cursor, more)| Delta {
        conversations,
        cursor,
        more,
    })
}

fn state() -> impl Strategy<Value = ConversationState> {
    let numbers = (seq(), any::<u64>(), seq(), time());
    let names = (option::of(text(1..10)), option::of(user_id()), any::<bool>());
    (conversation_id(), numbers, option::of(entry()), names).prop_map(
        |(conversation, (head, unread, read_seq, time), last, (name, peer, left))| ConversationState {
            conversation,
            head,
            unread,
            read_seq,
            last,
            name,
            peer,
            time,
            left,
        },
    )
}

fn receipt() -> impl Strategy<Value = Receipt> {
    let numbers = (option::of(any::<u64>()), option::of(any::<u64>()), option::of(any::<u64>()));
    (conversation_id(), user_id(), numbers).prop_map(|(conversation, user, (delivered, read, unread))| {
        Receipt { conversation, user, delivered: delivered.map(Seq), read: read.map(Seq), unread }
    })
}

fn head() -> impl Strategy<Value = Head> {
    (conversation_id(), seq()).prop_map(|(conversation, last)| Head { conversation, last })
}
