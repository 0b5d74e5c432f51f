//! Any valid frame.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proto::broadcast::Broadcast;
use proto::client_frame::{AckMode, Fetch, Hello, Position, ReadersOf, Recipient, Send, Sync};
use proto::group::{GroupEdit, History, JoinPolicy, Room as RoomLog};
use proto::presence::{Activity, KindPresence, PresenceAsk, PresenceState, UserPresence};
use proto::server_frame::{
    Ack, Confirmation, Confirmations, ConversationSettings, ConversationState, Delta, Event, Head,
    Invitation, Limits, Nack, Overlay, Page, Pins, Pong, Reaction, Reader, Readers, Receipt, Room, Typing,
    Versions, Welcome,
};
use proto::settings::{Preferences, Private, PrivateChange, Settings};
use proto::{Body, ClientFrame, Code, Contact, Entry, FriendRequest, Seq, ServerFrame, Timestamp, limits};

use super::body_values::{body, change, client_body};
use super::id_values::{
    client_message_id, conversation_id, device_id, group_id, message_id, seq, session_ref, time, user_id,
};

pub fn text(characters: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = String> {
    let any = prop_oneof![any::<char>(), prop::sample::select(vec!['"', '\\', '\n', '\0', 'a', 'é', '😀'])];
    vec(any, characters).prop_map(String::from_iter)
}

/// What shall change of a group.
pub fn group_edit() -> impl Strategy<Value = GroupEdit> {
    let some = || option::of(text(0..9));
    let join = prop_oneof![Just(JoinPolicy::Open), Just(JoinPolicy::Request), Just(JoinPolicy::Invitation)];
    let history = prop_oneof![Just(History::Whole), Just(History::FromJoining)];
    let room = option::of(prop_oneof![Just(RoomLog::WithHistory), Just(RoomLog::WithoutHistory)]);
    let texts = (some(), some(), some(), some(), vec((text(1..5), text(0..5)), 0..3));
    let rules = (option::of(join), option::of(history), option::of(any::<bool>()), option::of(any::<u32>()));
    (texts, rules, room).prop_map(
        |(
            (name, description, announcement, avatar, attributes),
            (join, history, read_only, members_max),
            room,
        )| {
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
                room,
            }
        },
    )
}

pub fn send_with(body: impl Strategy<Value = Body>) -> impl Strategy<Value = Send> {
    let ack = prop_oneof![
        Just(AckMode::Persisted),
        Just(AckMode::None),
        Just(AckMode::Received),
        Just(AckMode::Published)
    ];
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

/// The frames `recall`, `edit`, `react` and `pin`.
pub fn changing_send() -> impl Strategy<Value = Send> {
    (client_message_id(), conversation_id(), change(), any::<u32>(), any::<u64>()).prop_map(
        |(id, conversation, (target, change), attempt, age_ms)| Send {
            attempt,
            age_ms,
            ..Send::change(id, conversation, target, &change)
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

/// The frame `set_retention`.
fn retaining_send() -> impl Strategy<Value = Send> {
    let seconds = 0..=limits::RETENTION_SECONDS_MAX;
    (client_message_id(), conversation_id(), seconds, any::<u32>(), any::<u64>()).prop_map(
        |(id, conversation, seconds, attempt, age_ms)| Send {
            attempt,
            age_ms,
            ..Send::retention(id, conversation, seconds)
        },
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
        2 => changing_send().prop_map(ClientFrame::Send),
        1 => retaining_send().prop_map(ClientFrame::Send),
        1 => conversation_id().prop_map(ClientFrame::Pins),
        1 => position().prop_map(ClientFrame::Versions),
        1 => readers_of().prop_map(ClientFrame::Readers),
        1 => position().prop_map(ClientFrame::Confirm),
        1 => readers_of().prop_map(ClientFrame::Confirmations),
        2 => private_change().prop_map(ClientFrame::Private),
        2 => presence_ask().prop_map(ClientFrame::Presence),
        1 => hello.prop_map(ClientFrame::Hello),
        1 => fetch().prop_map(ClientFrame::Fetch),
        1 => sync().prop_map(ClientFrame::Sync),
        1 => position().prop_map(ClientFrame::Read),
        1 => position().prop_map(ClientFrame::Delivered),
        1 => recipient().prop_map(ClientFrame::Typing),
        1 => Just(ClientFrame::Ping),
        1 => group_id().prop_map(ClientFrame::JoinRoom),
        1 => group_id().prop_map(ClientFrame::LeaveRoom),
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
    let event =
        (conversation_id(), entry()).prop_map(|(conversation, entry)| Event { conversation, entry }).boxed();
    let typing =
        (conversation_id(), user_id()).prop_map(|(conversation, user)| Typing { conversation, user });
    let pong = (vec(head(), 0..3), time()).prop_map(|(heads, server_time)| Pong { heads, server_time });
    let live = event.clone().prop_map(ServerFrame::Live);
    prop_oneof![
        1 => live,
        1 => room().prop_map(ServerFrame::Room),
        1 => broadcast().prop_map(|broadcast| ServerFrame::Broadcast(Box::new(broadcast))),
        4 => event.prop_map(ServerFrame::Event),
        2 => ack().prop_map(ServerFrame::Ack),
        1 => welcome().prop_map(|welcome| ServerFrame::Welcome(Box::new(welcome))),
        1 => nack().prop_map(ServerFrame::Nack),
        1 => page().prop_map(ServerFrame::Page),
        1 => pins().prop_map(ServerFrame::Pins),
        1 => versions().prop_map(ServerFrame::Versions),
        1 => readers().prop_map(ServerFrame::Readers),
        1 => position().prop_map(ServerFrame::Confirmed),
        1 => confirmations().prop_map(ServerFrame::Confirmations),
        1 => invitation().prop_map(|of| ServerFrame::Invitation(Box::new(of))),
        1 => (conversation_id(), settings()).prop_map(|(conversation, settings)| {
            ServerFrame::Settings(Box::new(ConversationSettings { conversation, settings }))
        }),
        1 => delta().prop_map(ServerFrame::Delta),
        1 => vec(user_presence(), 0..4).prop_map(ServerFrame::Presence),
        1 => receipt().prop_map(ServerFrame::Receipt),
        1 => typing.prop_map(ServerFrame::Typing),
        1 => head().prop_map(ServerFrame::Head),
        1 => pong.prop_map(ServerFrame::Pong),
        1 => any::<u64>().prop_map(ServerFrame::AuthExpiring),
        1 => any::<u32>().prop_map(ServerFrame::Goaway),
        1 => Just(ServerFrame::Resync),
        1 => contact().prop_map(|contact| ServerFrame::Contact(Box::new(contact))),
        1 => Just(ServerFrame::TooLong),
    ]
}

fn room() -> impl Strategy<Value = Room> {
    (group_id(), any::<bool>(), any::<bool>(), seq()).prop_map(|(room, joined, history, head)| Room {
        room,
        joined,
        history,
        head,
    })
}

fn broadcast() -> impl Strategy<Value = Broadcast> {
    (client_message_id(), user_id(), time(), body()).prop_map(|(id, sender, time, body)| Broadcast {
        id,
        sender,
        time,
        body,
    })
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

pub fn nack() -> impl Strategy<Value = Nack> {
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
    (conversation_id(), seq(), seq(), vec(entry(), 0..4), seq(), vec(overlay(), 0..3)).prop_map(
        |(conversation, from, to, entries, head, overlays)| Page {
            conversation,
            from,
            to,
            entries,
            head,
            overlays,
        },
    )
}

fn pins() -> impl Strategy<Value = Pins> {
    (conversation_id(), vec(entry(), 0..3), vec(overlay(), 0..3))
        .prop_map(|(conversation, entries, overlays)| Pins { conversation, entries, overlays })
}

/// What a user changes for themselves.
pub fn private_change() -> impl Strategy<Value = PrivateChange> {
    let flag = || option::of(any::<bool>());
    let set = (any::<bool>(), option::of(time()), flag(), flag(), option::of(text(0..20)), flag()).prop_map(
        |(pinned, muted_until, archived, hidden, draft, marked_unread)| {
            let pinned = Some(pinned);
            Private::Set(Box::new(Preferences {
                pinned,
                muted_until,
                archived,
                hidden,
                draft,
                marked_unread,
            }))
        },
    );
    let what = prop_oneof![set, seq().prop_map(Private::Clear), vec(seq(), 1..5).prop_map(Private::Delete),];
    (conversation_id(), what).prop_map(|(conversation, what)| PrivateChange { conversation, what })
}

fn settings() -> impl Strategy<Value = Settings> {
    let flags = any::<[bool; 3]>();
    (flags, time(), seq(), text(0..20), seq(), vec(seq(), 0..4), time()).prop_map(
        |([pinned, archived, marked_unread], muted_until, hidden_below, draft, cleared, deleted, changed)| {
            Settings {
                pinned,
                muted_until,
                archived,
                hidden_below,
                draft,
                marked_unread,
                cleared,
                deleted,
                changed,
            }
        },
    )
}

fn versions() -> impl Strategy<Value = Versions> {
    (conversation_id(), seq(), vec(entry(), 0..3)).prop_map(|(conversation, seq, entries)| Versions {
        conversation,
        seq,
        entries,
    })
}

pub fn readers_of() -> impl Strategy<Value = ReadersOf> {
    (conversation_id(), seq(), option::of(user_id()), any::<u32>())
        .prop_map(|(conversation, seq, after, limit)| ReadersOf { conversation, seq, after, limit })
}

fn confirmations() -> impl Strategy<Value = Confirmations> {
    let member = (user_id(), any::<bool>()).prop_map(|(user, confirmed)| Confirmation { user, confirmed });
    let counts = (any::<u32>(), any::<u32>());
    (conversation_id(), seq(), counts, vec(member, 0..4), option::of(user_id())).prop_map(
        |(conversation, seq, (confirmed, of), members, next)| Confirmations {
            conversation,
            seq,
            confirmed,
            of,
            members,
            next,
        },
    )
}

fn readers() -> impl Strategy<Value = Readers> {
    let reader = (user_id(), any::<bool>(), any::<bool>()).prop_map(|(user, delivered, read)| Reader {
        user,
        delivered,
        read,
    });
    (conversation_id(), seq(), vec(reader, 0..3), option::of(user_id()))
        .prop_map(|(conversation, seq, readers, next)| Readers { conversation, seq, readers, next })
}

fn invitation() -> impl Strategy<Value = Invitation> {
    (group_id(), text(0..9), user_id(), time()).prop_map(|(group, name, by, expires)| Invitation {
        group,
        name,
        by,
        expires,
    })
}

fn overlay() -> impl Strategy<Value = Overlay> {
    let reaction = (text(0..9), any::<u32>(), vec(user_id(), 0..3), any::<bool>())
        .prop_map(|(reaction, count, users, mine)| Reaction { reaction, count, users, mine });
    let by = || option::of((user_id(), time()));
    let edited = option::of((vec(seq(), 0..3), time()));
    (seq(), seq(), by(), edited, vec(reaction, 0..3), by()).prop_map(
        |(seq, changed, recalled, edited, reactions, pinned)| Overlay {
            seq,
            changed,
            recalled,
            edited,
            reactions,
            pinned,
        },
    )
}

fn delta() -> impl Strategy<Value = Delta> {
    (vec(state(), 0..3), text(0..20), any::<bool>(), vec(contact(), 0..3))
        .prop_map(|(conversations, cursor, more, contacts)| Delta { conversations, cursor, more, contacts })
}

fn contact() -> impl Strategy<Value = Contact> {
    let request = || {
        (text(0..9), time(), time()).prop_map(|(note, time, expires)| FriendRequest { note, time, expires })
    };
    let since = option::of((1..=u64::MAX).prop_map(Timestamp));
    let requests = (option::of(request()), option::of(request()));
    (user_id(), any::<u64>(), since, text(0..9), any::<bool>(), requests, time()).prop_map(
        |(user, version, friend_since, remark, blocked, (incoming, outgoing), time)| Contact {
            user,
            version,
            friend_since,
            remark,
            blocked,
            incoming,
            outgoing,
            time,
        },
    )
}

fn state() -> impl Strategy<Value = ConversationState> {
    let numbers = (seq(), any::<u64>(), seq(), time());
    let names = (option::of(text(1..10)), option::of(user_id()), any::<bool>());
    let invitation = option::of(invitation().prop_map(Box::new));
    let confirm = vec(seq(), 0..4);
    let own = (option::of(settings().prop_map(Box::new)), any::<u32>(), any::<u32>(), invitation, confirm);
    (conversation_id(), numbers, option::of(entry()), names, own).prop_map(
        |(conversation, (head, unread, read_seq, time), last, (name, peer, left), own)| ConversationState {
            conversation,
            head,
            unread,
            read_seq,
            last,
            name,
            peer,
            time,
            left,
            settings: own.0,
            mention_unread: own.1,
            retention_seconds: own.2,
            invitation: own.3,
            confirm_seqs: own.4,
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
    (conversation_id(), seq(), any::<u64>()).prop_map(|(conversation, last, missed)| Head {
        conversation,
        last,
        missed,
    })
}

fn presence_ask() -> impl Strategy<Value = PresenceAsk> {
    prop_oneof![
        vec(user_id(), 1..4).prop_map(PresenceAsk::Subscribe),
        vec(user_id(), 0..4).prop_map(PresenceAsk::Unsubscribe),
        prop_oneof![Just(Activity::Active), Just(Activity::Away)].prop_map(PresenceAsk::Report),
    ]
}

pub fn user_presence() -> impl Strategy<Value = UserPresence> {
    let state = || {
        use PresenceState::{Away, Offline, Online, Unknown};
        prop::sample::select(vec![Unknown, Offline, Away, Online])
    };
    let kind = (device_id(), state()).prop_map(|(kind, state)| KindPresence { kind, state });
    let seen = option::of((1..=u64::MAX).prop_map(Timestamp));
    (user_id(), state(), seen, vec(kind, 0..3)).prop_map(|(user, state, last_seen, devices)| UserPresence {
        user,
        state,
        last_seen,
        devices,
    })
}
