//! What a group is besides its name and its owner, and who may come in: bounded, and one value, because it changes with the
//! group's watermark and is always read with it.

use proto::group::{History, JoinPolicy, Room, TokenHash};
use proto::{LinkId, Seq, Timestamp, UserId};

use crate::StoreError;
use crate::engine::{Reader, Writer};

/// See the module. Groups of old have the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupSettings {
    /// What it is about.
    pub description: String,
    /// What all shall know.
    pub announcement: String,
    /// The id of a file or a URL.
    pub avatar: String,
    /// Custom attributes, in order of their names.
    pub attributes: Vec<(String, String)>,
    /// How one becomes a member.
    pub join: JoinPolicy,
    /// What a new member may read; `None` for what is configured.
    pub history: Option<History>,
    /// Only owner, admins and services may send.
    pub read_only: bool,
    /// The most members; 0 for what is configured.
    pub members_max: u32,
    /// Until when only owner and admins may speak; zero for not muted.
    pub muted_until: Timestamp,
    /// Who asked to join, oldest first.
    pub requests: Vec<JoinRequest>,
    /// Who may join, oldest first.
    pub invitations: Vec<Invitation>,
    /// Through what one may join, oldest first.
    pub links: Vec<Link>,
    /// It is a live room: nobody is a member of it.
    pub room: Option<Room>,
    /// The highest number that was given to a member; 0 where none was.
    pub numbers_given: u32,
    /// The first of the changes that its last write brought; zero where that is not known. Whom they moved was told again only after
    /// that write, so an owner that takes over from a dead one tells them.
    pub changed_since: Seq,
}

/// Stands for a group that is no room.
const NO_ROOM: u64 = 15;

/// A request to join that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// Who.
    pub user: UserId,
    /// Why.
    pub note: String,
    /// Since when.
    pub asked: Timestamp,
    /// When it is void.
    pub expires: Timestamp,
}

/// An invitation that was not accepted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Who may join.
    pub user: UserId,
    /// Who said so.
    pub by: UserId,
    /// When it is void.
    pub expires: Timestamp,
}

/// A link through which others may join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Names it.
    pub link: LinkId,
    /// Of its secret token.
    pub token: TokenHash,
    /// Who made it.
    pub by: UserId,
    /// When it ends.
    pub expires: Timestamp,
    /// How many may join through it; 0 for any number.
    pub uses_max: u32,
    /// How many have.
    pub uses: u32,
}

/// Writes it behind what groups of old have.
pub(crate) fn encode_settings(settings: &GroupSettings, to: &mut Writer) {
    to.text(&settings.description).text(&settings.announcement).text(&settings.avatar);
    to.number(settings.attributes.len() as u64);
    for (name, value) in &settings.attributes {
        to.text(name).text(value);
    }
    to.number(settings.join as u64).number(settings.history.map_or(0, |history| history as u64 + 1));
    to.flag(settings.read_only).number(settings.members_max.into()).number(settings.muted_until.0);
    to.number(settings.requests.len() as u64);
    for request in &settings.requests {
        to.text(request.user.as_str()).text(&request.note).number(request.asked.0).number(request.expires.0);
    }
    to.number(settings.invitations.len() as u64);
    for invitation in &settings.invitations {
        to.text(invitation.user.as_str()).text(invitation.by.as_str()).number(invitation.expires.0);
    }
    to.number(settings.links.len() as u64);
    for link in &settings.links {
        to.text(link.link.as_str()).raw(&link.token.0).text(link.by.as_str()).number(link.expires.0);
        to.number(link.uses_max.into()).number(link.uses.into());
    }
    // What groups of old do not have is left out where there is nothing of it.
    let (room, numbers, since) = (settings.room, settings.numbers_given, settings.changed_since);
    if room.is_some() || numbers > 0 || since > Seq::ZERO {
        to.number(room.map_or(NO_ROOM, |room| room as u64));
    }
    if numbers > 0 || since > Seq::ZERO {
        to.number(numbers.into());
    }
    if since > Seq::ZERO {
        to.number(since.0);
    }
}

/// Reads what [`encode_settings`] wrote, or nothing.
pub(crate) fn decode_settings(value: &mut Reader) -> Result<GroupSettings, StoreError> {
    if value.is_at_end() {
        return Ok(GroupSettings::default());
    }
    Ok(GroupSettings {
        description: value.text()?,
        announcement: value.text()?,
        avatar: value.text()?,
        attributes: list(value, |value| Ok((value.text()?, value.text()?)))?,
        join: JoinPolicy::from_number(value.number()?).ok_or_else(|| value.corrupt())?,
        history: match value.number()? {
            0 => None,
            number => Some(History::from_number(number - 1).ok_or_else(|| value.corrupt())?),
        },
        read_only: value.flag()?,
        members_max: value.small()?,
        muted_until: Timestamp(value.number()?),
        requests: list(value, |value| {
            Ok(JoinRequest {
                user: value.id(UserId::parse)?,
                note: value.text()?,
                asked: Timestamp(value.number()?),
                expires: Timestamp(value.number()?),
            })
        })?,
        invitations: list(value, |value| {
            let (user, by) = (value.id(UserId::parse)?, value.id(UserId::parse)?);
            Ok(Invitation { user, by, expires: Timestamp(value.number()?) })
        })?,
        links: list(value, decode_link)?,
        room: match value.is_at_end() {
            true => None,
            false => match value.number()? {
                NO_ROOM => None,
                number => Some(Room::from_number(number).ok_or_else(|| value.corrupt())?),
            },
        },
        numbers_given: if value.is_at_end() { 0 } else { value.small()? },
        changed_since: if value.is_at_end() { Seq::ZERO } else { Seq(value.number()?) },
    })
}

fn decode_link(value: &mut Reader) -> Result<Link, StoreError> {
    Ok(Link {
        link: value.id(LinkId::parse)?,
        token: TokenHash(value.raw()?),
        by: value.id(UserId::parse)?,
        expires: Timestamp(value.number()?),
        uses_max: value.small()?,
        uses: value.small()?,
    })
}

fn list<T>(
    value: &mut Reader,
    mut one: impl FnMut(&mut Reader) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let count: usize = value.small()?;
    // Grown as it is read: the number itself is not trusted.
    let mut list = Vec::new();
    for _ in 0..count {
        list.push(one(value)?);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_old_has_no_settings() {
        let decoded = decode_settings(&mut Reader::new("group", bytes::Bytes::new())).unwrap();
        assert_eq!(decoded, GroupSettings::default());
    }

    #[test]
    fn a_room_stays_one() {
        for room in [Room::WithHistory, Room::WithoutHistory] {
            let mut written = Writer::default();
            let settings = GroupSettings { room: Some(room), ..GroupSettings::default() };
            encode_settings(&settings, &mut written);
            let read = decode_settings(&mut Reader::new("group", written.finish())).unwrap();
            assert_eq!(read, settings);
        }
    }

    #[test]
    fn numbers_and_what_changed_last_stay_in_groups_and_rooms() {
        let [some, none] = [(300, Seq(7)), (0, Seq::ZERO)];
        for room in [None, Some(Room::WithHistory)] {
            for (numbers_given, changed_since) in [(some.0, none.1), (none.0, some.1), some] {
                let mut written = Writer::default();
                let settings =
                    GroupSettings { room, numbers_given, changed_since, ..GroupSettings::default() };
                encode_settings(&settings, &mut written);
                let read = decode_settings(&mut Reader::new("group", written.finish())).unwrap();
                assert_eq!(read, settings);
            }
        }
    }

    #[test]
    fn settings_that_were_cut_are_corrupt() {
        let mut written = Writer::default();
        let invitation = Invitation {
            user: UserId::parse("bob").unwrap(),
            by: UserId::parse("alice").unwrap(),
            expires: Timestamp(300),
        };
        let settings = GroupSettings { invitations: vec![invitation], ..GroupSettings::default() };
        encode_settings(&settings, &mut written);
        let whole = written.finish();
        assert_eq!(decode_settings(&mut Reader::new("group", whole.clone())).unwrap(), settings);
        for length in 1..whole.len() {
            assert!(decode_settings(&mut Reader::new("group", whole.slice(..length))).is_err(), "{length}");
        }
    }
}
