//! Asks two stores everything and wants the same answers.

use proto::{ClientMessageId, Partition, Seq, Timestamp};
use store::{Level, Ownership, Store};

use crate::fill::{self, GROUPS, USERS};

pub async fn same(source: &Store, target: &Store) {
    logs(source, target).await;
    lists(source, target).await;
    relations(source, target).await;
    groups(source, target).await;
    identities(source, target).await;
}

async fn logs(source: &Store, target: &Store) {
    let unowned = source.owners().await.unwrap().into_iter();
    let unowned: Vec<_> =
        unowned.map(|(partition, had)| (partition, Ownership { owner: None, ..had })).collect();
    assert!(unowned.len() > 20 && unowned.iter().all(|(_, had)| had.epoch.0 == 2));
    assert_eq!(target.owners().await.unwrap(), unowned, "the last epoch, and nobody's");
    for conversation in fill::conversations() {
        let register = source.register(&conversation, Level::Quorum).await.unwrap().unwrap();
        assert_eq!(target.register(&conversation, Level::Quorum).await.unwrap(), Some(register));
        let index = source.index(&conversation).await.unwrap();
        assert_eq!(target.index(&conversation).await.unwrap(), index);
        let buckets = index.into_iter().map(|(bucket, _)| bucket).chain([register.bucket]);
        for bucket in buckets {
            let rows = source.bucket_rows(&conversation, bucket, Seq(1), 1_000).await.unwrap();
            assert!(!rows.is_empty());
            assert_eq!(target.bucket_rows(&conversation, bucket, Seq(1), 1_000).await.unwrap(), rows);
            for seq in [rows[0].entry.seq, rows[rows.len() / 2].entry.seq, register.start] {
                let id = ClientMessageId(u128::from(seq.0 * 31).to_be_bytes());
                let found = source.dedupe(&conversation, bucket, id).await.unwrap();
                assert_eq!(target.dedupe(&conversation, bucket, id).await.unwrap(), found);
            }
        }
        let head = register.start.0 + 4;
        let page = fill::page(source, &conversation, head).await;
        assert_eq!(page.last().unwrap().body, proto::Body::text("said"));
        assert_eq!(fill::page(target, &conversation, head).await, page);
        let partition = Partition::of(&conversation);
        assert_eq!(target.touched(partition).await.unwrap(), source.touched(partition).await.unwrap());
    }
}

async fn lists(source: &Store, target: &Store) {
    let all = fill::conversations();
    assert_eq!(target.heads(&all).await.unwrap(), source.heads(&all).await.unwrap());
    for conversation in &all {
        let rows = source.overlays(conversation, Seq(0), Seq(1_000)).await.unwrap();
        assert!(rows.len() >= 2);
        assert_eq!(target.overlays(conversation, Seq(0), Seq(1_000)).await.unwrap(), rows);
        for (number, _) in all.iter().enumerate() {
            let of = Seq(number as u64);
            let rows = source.confirmations(conversation, of).await.unwrap();
            assert_eq!(target.confirmations(conversation, of).await.unwrap(), rows);
        }
    }
    let mut drafts = 0;
    for number in 0..USERS {
        let user = fill::user(number);
        assert_eq!(target.cursors(&user, &all).await.unwrap(), source.cursors(&user, &all).await.unwrap());
        let own = source.settings(&user, &all).await.unwrap();
        drafts += own.iter().filter(|settings| !settings.draft.is_empty()).count();
        assert_eq!(target.settings(&user, &all).await.unwrap(), own);
        let changed = source.changed_settings(&user, Timestamp(0), 1_000, None).await.unwrap();
        assert_eq!(target.changed_settings(&user, Timestamp(0), 1_000, None).await.unwrap(), changed);
        let ranges: Vec<_> = all.iter().map(|id| (id.clone(), Seq(0), Seq(9))).collect();
        let mentions = source.count_mentions(&user, &ranges, 100).await.unwrap();
        assert!(mentions.iter().all(|count| *count > 0));
        assert_eq!(target.count_mentions(&user, &ranges, 100).await.unwrap(), mentions);
        let rows = source.inbox(&user, Timestamp(0), 1_000, None).await.unwrap();
        assert!(rows.len() > 3);
        assert_eq!(target.inbox(&user, Timestamp(0), 1_000, None).await.unwrap(), rows);
        let before = Some((rows[2].time, rows[2].conversation.clone()));
        assert_eq!(target.inbox(&user, rows[3].time, 5, before.clone()).await.unwrap(), {
            source.inbox(&user, rows[3].time, 5, before).await.unwrap()
        });
    }
    assert!(drafts > 0, "there were some to copy");
}

async fn relations(source: &Store, target: &Store) {
    for number in 0..USERS {
        let user = fill::user(number);
        let rows = source.relations(&user, None, 100).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(target.relations(&user, None, 100).await.unwrap(), rows);
    }
}

async fn groups(source: &Store, target: &Store) {
    for number in 0..GROUPS {
        let group = fill::group(number);
        assert_eq!(target.group(&group).await.unwrap(), source.group(&group).await.unwrap());
        let members = source.members(&group, None, 10_000).await.unwrap();
        assert_eq!(target.members(&group, None, 10_000).await.unwrap(), members);
        for member in members.iter().step_by(50) {
            assert_eq!(target.member(&group, &member.user).await.unwrap().as_ref(), Some(member));
            let groups = source.groups_of(&member.user).await.unwrap();
            assert_eq!(target.groups_of(&member.user).await.unwrap(), groups);
        }
    }
}

async fn identities(source: &Store, target: &Store) {
    let found = source.accounts_by_prefix("näme 1", 100).await.unwrap();
    assert_eq!(found.len(), 11);
    assert_eq!(target.accounts_by_prefix("näme 1", 100).await.unwrap(), found);
    let called = source.accounts_by_nickname("Nick1", 100).await.unwrap();
    assert_eq!(called.len(), 11);
    assert_eq!(target.accounts_by_nickname("Nick1", 100).await.unwrap(), called);
    for number in 0..USERS {
        let user = fill::user(number);
        let account = source.account(&user).await.unwrap();
        assert_eq!(target.account(&user).await.unwrap(), account);
        let named = target.account_by_username(&format!("näme {number}")).await.unwrap();
        assert_eq!(named, account);
        assert_eq!(target.logins(&user).await.unwrap(), source.logins(&user).await.unwrap());
    }
    // Who has a number keeps it, and who asks for another gets the same one on both sides.
    for holder in [1, 7, 10, 99] {
        let here = source.lease_worker(holder, Timestamp(70_000), 60_000).await.unwrap();
        assert_eq!(target.lease_worker(holder, Timestamp(70_000), 60_000).await.unwrap(), here);
    }
}
