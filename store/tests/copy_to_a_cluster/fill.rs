//! A store with something of everything, made through its own methods.

use std::sync::Arc;

use proto::{
    Body, ClientMessageId, Contact, ConversationId, Entry, Epoch, FriendRequest, GroupId, LoginId, MessageId,
    Partition, Seq, Timestamp, UserId, limits,
};
use store::{
    Account, AccountDetails, AccountStatus, Batch, Bucket, Cas, ConfirmationRow, Confirming, Creation,
    Cursor, GroupChange, GroupInfo, GroupSettings, HeadRow, InboxRow, IncarnationId, Level, Login, Member,
    MentionRow, OverlayRow, PageRange, PresenceAudience, Register, Relation, Role, Rotation, SettingsEdit,
    Store,
};

pub const USERS: u64 = 60;
pub const GROUPS: u64 = 5;
const DIRECT: u64 = 40;
/// Members of the largest group, more than one chunk of rows.
const CROWD: u64 = 1_300;
const DAY: u64 = 86_400_000;

pub fn user(number: u64) -> UserId {
    UserId::parse(&format!("user{number:04}@example.com")).unwrap()
}

pub fn group(number: u64) -> GroupId {
    GroupId::parse(&format!("group:{number}")).unwrap()
}

pub fn login(number: u64) -> LoginId {
    LoginId::parse(&format!("login{number}")).unwrap()
}

pub fn conversations() -> Vec<ConversationId> {
    let direct =
        (0..DIRECT).map(|number| ConversationId::direct(&user(number), &user((number + 11) % USERS)));
    direct.chain((0..GROUPS).map(|number| ConversationId::group(&group(number)))).collect()
}

pub fn entry(seq: u64, text: &str) -> Entry {
    Entry {
        seq: Seq(seq),
        message_id: MessageId(seq * 4_099),
        sender: user(seq % USERS),
        time: Timestamp(1_700_000_000_000 + seq * 60_000),
        counted: seq,
        client_message_id: ClientMessageId(u128::from(seq * 31).to_be_bytes()),
        body: Body::text(text),
    }
}

pub fn batch(conversation: &ConversationId, bucket: Bucket, epoch: Epoch, entries: Vec<Entry>) -> Batch {
    Batch { conversation: conversation.clone(), bucket, epoch, entries, touched: None }
}

/// The last hundred entries up to a head.
pub async fn page(store: &Store, conversation: &ConversationId, head: u64) -> Vec<Entry> {
    let range = PageRange {
        from: Seq(head.saturating_sub(100).max(1)),
        to: Seq(head),
        limit: limits::PAGE_ENTRIES_MAX,
        bytes: limits::PAGE_BYTES_MAX,
        backwards: false,
        head: Seq(head),
    };
    store.page(conversation, range).await.unwrap()
}

pub async fn fill(store: &Store) {
    owners(store).await;
    for (number, conversation) in (0..).zip(conversations()) {
        log(store, number, &conversation).await;
        projections(store, number, &conversation).await;
    }
    relations(store).await;
    groups(store).await;
    identities(store).await;
}

/// Every partition in use was owned twice; some owners never gave theirs back.
async fn owners(store: &Store) {
    let (first, second) = (IncarnationId(1), IncarnationId(2));
    for me in [first, second] {
        store.announce(me).await.unwrap();
    }
    let mut partitions: Vec<Partition> = conversations().iter().map(Partition::of).collect();
    partitions.sort_unstable();
    partitions.dedup();
    for partition in partitions {
        for me in [first, second] {
            let expected = store.owner(partition, Level::Serial).await.unwrap();
            let Cas::Applied(owned) = store.claim(partition, expected, me).await else {
                panic!("{expected:?}")
            };
            if me == first || partition.number() % 2 == 0 {
                assert!(matches!(store.release(partition, me, owned.epoch).await, Cas::Applied(_)));
            }
        }
    }
}

/// One to three buckets; the last one begins under epoch 1, of which a take-over cut the end.
async fn log(store: &Store, number: u64, conversation: &ConversationId) {
    let buckets = 1 + number % 3;
    let (mut version, mut first) = (None, 1);
    for bucket in 1..=buckets {
        let register = register(1, bucket, first, first);
        if let Some(left) = bucket.checked_sub(1).filter(|left| *left > 0) {
            store.write_index(conversation, small(left), Seq(first - 30)).await.unwrap();
        }
        let Cas::Applied(moved) = store.move_register(conversation, version, register).await else {
            panic!()
        };
        version = Some(moved.version);
        let text = format!("{number} {}", "x".repeat(usize::try_from(number * 13).unwrap()));
        let entries: Vec<Entry> = (first..first + 30).map(|seq| entry(seq, &text)).collect();
        for part in entries.chunks(7) {
            store
                .append(Arc::new(batch(conversation, small(bucket), Epoch(1), part.to_vec())))
                .await
                .unwrap();
        }
        first += 30;
    }
    // Three entries that nobody was told, and what was said there instead.
    let lost = (first..first + 3).map(|seq| entry(seq, "never told")).collect();
    store.append(Arc::new(batch(conversation, small(buckets), Epoch(1), lost))).await.unwrap();
    let taken = Register { epoch: Epoch(2), ..register(2, buckets, first, first - 30) };
    assert!(matches!(store.move_register(conversation, version, taken).await, Cas::Applied(_)));
    let said = (first..first + 5).map(|seq| entry(seq, "said")).collect();
    let touched = number.is_multiple_of(4).then(|| Partition::of(conversation));
    let last = Batch { touched, ..batch(conversation, small(buckets), Epoch(2), said) };
    store.append(Arc::new(last)).await.unwrap();
}

fn register(epoch: u64, bucket: u64, start: u64, bucket_first: u64) -> Register {
    Register {
        version: 0,
        epoch: Epoch(epoch),
        start: Seq(start),
        bucket: small(bucket),
        bucket_first: Seq(bucket_first),
        window: 64,
        counted: start - 1,
    }
}

fn small(bucket: u64) -> Bucket {
    Bucket(u32::try_from(bucket).unwrap())
}

async fn projections(store: &Store, number: u64, conversation: &ConversationId) {
    let seq = 35 + number;
    let head = HeadRow {
        conversation: conversation.clone(),
        seq: Seq(seq),
        counted: seq / 2,
        last: entry(seq, &format!("the last of {number}")),
        retention_seconds: u32::try_from(number % 3).unwrap() * 3_600,
        confirming: Some(waiting(number)),
    };
    let mut rows = Vec::new();
    for at in 0..20 {
        let reader = user((number + at * 3) % USERS);
        for back in [3, 0, 1] {
            // The row moved from day to day.
            let time = Timestamp(1_700_000_000_000 + number * 1_000 + at * DAY / 5 - back * DAY);
            let (user, conversation) = (reader.clone(), conversation.clone());
            rows.push(InboxRow { user, conversation, time, left: at % 7 == 3 });
        }
        let delivered = Seq(if at % 2 == 0 { 0 } else { seq });
        let to = Cursor { read: Seq(seq - at), read_counted: at % 3, delivered };
        store.advance_cursor(&reader, conversation, to).await.unwrap();
    }
    store.write_projection(vec![head], rows).await.unwrap();
    let overlays = [0, number, seq].map(|of| OverlayRow {
        conversation: conversation.clone(),
        seq: Seq(of),
        watermark: Seq(seq + of),
        value: vec![7; usize::try_from(number).unwrap()].into(),
    });
    store.write_overlays(overlays.to_vec()).await.unwrap();
    let confirmed = [1, 4].map(|epoch| ConfirmationRow {
        conversation: conversation.clone(),
        seq: Seq(number),
        epoch: Epoch(epoch),
        value: vec![1; usize::try_from(number).unwrap()].into(),
    });
    store.write_confirmations(confirmed.to_vec()).await.unwrap();
    own(store, conversation, number).await;
}

/// Messages that wait to be confirmed, in some conversations.
fn waiting(number: u64) -> Vec<Confirming> {
    let one = |seq| Confirming { seq: Seq(seq), sender: user(0), until: Timestamp(77), numbers: 3 };
    (1..=number % 3).map(one).collect()
}

async fn own(store: &Store, conversation: &ConversationId, number: u64) {
    let mention = |user, seq| MentionRow { conversation: conversation.clone(), user, seq: Seq(seq) };
    let mentions = [mention(None, 1), mention(Some(user(number % USERS)), 2), mention(Some(user(0)), 3)];
    store.write_mentions(mentions.to_vec()).await.unwrap();
    for at in 0..3 {
        let edit = SettingsEdit {
            pinned: Some(at == 1),
            muted_until: Some(Timestamp(number * at)),
            draft: Some(format!("draft {number} {at}")),
            cleared: number.is_multiple_of(3).then_some(Seq(at)),
            deleted: vec![Seq(at), Seq(number + 5)],
            ..SettingsEdit::default()
        };
        let reader = user((number + at) % USERS);
        store.edit_settings(&reader, conversation, edit, Timestamp(at)).await.unwrap();
    }
}

async fn relations(store: &Store) {
    let side = |number: u64, peer: u64| {
        let request = FriendRequest {
            note: format!("Grüße {number}"),
            time: Timestamp(6_000 + number),
            expires: Timestamp(9_000),
        };
        Relation {
            user: user(number),
            contact: Contact {
                version: 1 + number,
                friend_since: number.is_multiple_of(2).then_some(Timestamp(7_000 + peer)),
                remark: if number.is_multiple_of(3) { format!("\u{1f44b} {peer}") } else { String::new() },
                blocked: number.is_multiple_of(5),
                outgoing: number.is_multiple_of(7).then_some(request),
                time: Timestamp(8_000 + number),
                ..Contact::nobody(user(peer))
            },
            blocked_by: peer.is_multiple_of(5),
            left_by: peer.is_multiple_of(3),
            watermark: Seq(3 + number),
        }
    };
    // In a ring: everybody has two.
    for (one, other) in (0..USERS).map(|number| (number, (number + 1) % USERS)) {
        store.apply_relation([side(one, other), side(other, one)]).await.unwrap();
    }
}

async fn groups(store: &Store) {
    for number in 0..GROUPS {
        let size = if number == 0 { CROWD } else { number * 9 };
        let member = |at: u64| Member {
            user: user(at),
            role: [Role::Owner, Role::Admin, Role::Member][usize::try_from(at.min(2)).unwrap()],
            joined_at: Timestamp(5_000 + at),
            floor: Seq(1 + at % 4),
            nickname: if at.is_multiple_of(3) { format!("nick {at}") } else { String::new() },
            muted_until: Timestamp(at % 5),
            number: u32::try_from(at % 3).unwrap(),
        };
        let mut info = GroupInfo {
            group: group(number),
            name: format!("Grüße {number} \u{1f44b}"),
            owner: user(0),
            created: Timestamp(4_000),
            dismissed: number == 3,
            members: u32::try_from(size).unwrap(),
            watermark: Seq(7),
            settings: GroupSettings { announcement: format!("news {number}"), ..GroupSettings::default() },
        };
        let joined: Vec<Member> = (0..size).map(member).collect();
        for part in joined.chunks(limits::MEMBERS_PER_COMMAND_MAX) {
            let change = GroupChange { info: info.clone(), joined: part.to_vec(), left: Vec::new() };
            store.apply_group(change).await.unwrap();
        }
        info.watermark = Seq(9);
        info.members -= 2;
        let left = vec![user(size - 1), user(size - 2)];
        store.apply_group(GroupChange { info, joined: Vec::new(), left }).await.unwrap();
    }
}

async fn identities(store: &Store) {
    for number in 0..USERS {
        let account = Account {
            user: user(number),
            username: format!("näme {number}"),
            nickname: format!("nick{number}"),
            email: (number % 3 == 0).then(|| format!("{number}@example.com")),
            password_hash: format!("$argon2id${number}"),
            status: if number % 5 == 4 { AccountStatus::Disabled } else { AccountStatus::Active },
            created: Timestamp(number),
            details: AccountDetails {
                avatar: format!("file:{number}"),
                presence: [PresenceAudience::Everyone, PresenceAudience::Nobody]
                    [usize::from(number % 2 == 0)],
                ..AccountDetails::default()
            },
        };
        assert_eq!(store.create_account(account).await.unwrap(), Creation::Created);
        let sign_in = Login {
            login: login(number),
            user: user(number / 2),
            device: "a phone".to_owned(),
            address: "192.0.2.1".to_owned(),
            refresh_hash: [7; 32],
            created: Timestamp(1_000),
            last_used: Timestamp(1_000),
            expires: Timestamp(1_000 + 30 * DAY),
        };
        store.create_login(sign_in).await.unwrap();
        if number % 2 == 0 {
            let rotated =
                store.rotate_login(&login(number), [7; 32], [8; 32], Timestamp(2_000)).await.unwrap();
            assert!(matches!(rotated, Rotation::Rotated(_)));
        }
    }
    assert!(store.end_login(&login(3)).await.unwrap().is_some());
    for holder in 1..=10 {
        let lease = store.lease_worker(holder, Timestamp(50_000), 60_000).await.unwrap();
        if holder == 4 {
            store.release_worker(holder, lease.worker, Timestamp(51_000)).await.unwrap();
        }
    }
}
