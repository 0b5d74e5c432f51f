//! Any change of a conversation.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proto::wire;
use proto::wire::system::Change;

use super::frame_values::{group_edit, text};

/// Changes of conversations, and notices.
pub fn system() -> BoxedStrategy<Change> {
    let users = || vec(text(1..8), 0..4);
    let members = move || users().prop_map(|users| wire::MembersChange { users, first_number: 0 });
    let created = (text(0..9), text(0..9), users(), option::of(edited())).prop_map(
        |(name, owner, members, settings)| {
            Change::Created(wire::GroupCreated { name, owner, members, settings })
        },
    );
    prop_oneof![
        created,
        group_change().boxed(),
        joining_change().boxed(),
        members().prop_map(Change::Joined),
        members().prop_map(Change::Left),
        members().prop_map(Change::Added),
        members().prop_map(Change::Removed),
        Just(Change::Dismissed(wire::GroupDismissed {})),
        text(0..40).prop_map(|text| Change::Notice(wire::Notice { text })),
        any::<u32>().prop_map(|seconds| Change::RetentionSet(wire::RetentionSet { seconds })),
    ]
    .boxed()
}

fn edited() -> impl Strategy<Value = wire::GroupEdited> {
    group_edit().prop_map(|edit| edit.to_wire())
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
    let members = move || users().prop_map(|users| wire::MembersChange { users, first_number: 0 });
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
        .prop_map(|(user, link)| Change::JoinedByLink(wire::JoinedByLink { user, link, number: 0 }));
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
