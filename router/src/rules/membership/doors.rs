//! Requests, invitations and links: how they come and go. Each list is bounded where it is decided ([`super::joining`]).

use proto::group::TokenHash;
use proto::server_frame;
use proto::wire::system::Change;
use proto::{Entry, GroupId, LinkId, Timestamp, UserId};
use store::{GroupInfo, GroupSettings, Invitation, JoinRequest, Link};

use super::Group;
use super::apply::users;

/// What is asked of the lists, at a time.
pub(super) trait Doors {
    /// A request that waits for its answer.
    fn request(&self, user: &UserId, now: Timestamp) -> Option<&JoinRequest>;
    /// An invitation that holds.
    fn invitation(&self, user: &UserId, now: Timestamp) -> Option<&Invitation>;
    /// The link with this token, if it has not ended.
    fn link(&self, token: TokenHash, now: Timestamp) -> Option<&Link>;
    /// Applies a change of the lists; `None` if it is not one.
    fn open_or_close(&mut self, entry: &Entry, change: Change) -> Option<()>;
    /// Somebody came through a link.
    fn use_link(&mut self, link: &str);
    /// They are members now, and wait for nothing.
    fn forget(&mut self, names: &[String]);
}

impl Doors for GroupSettings {
    fn request(&self, user: &UserId, now: Timestamp) -> Option<&JoinRequest> {
        self.requests.iter().find(|request| request.user == *user && request.expires > now)
    }

    fn invitation(&self, user: &UserId, now: Timestamp) -> Option<&Invitation> {
        self.invitations.iter().find(|invitation| invitation.user == *user && invitation.expires > now)
    }

    fn link(&self, token: TokenHash, now: Timestamp) -> Option<&Link> {
        self.links.iter().find(|link| link.token == token && is_open(link, now))
    }

    fn open_or_close(&mut self, entry: &Entry, change: Change) -> Option<()> {
        if !is_of_doors(&change) {
            return None;
        }
        // By the log's own time, so that every replay drops the same.
        let now = entry.time;
        self.requests.retain(|request| request.expires > now);
        self.invitations.retain(|invitation| invitation.expires > now);
        self.links.retain(|link| is_open(link, now));
        match change {
            Change::JoinAsked(asked) => {
                let user = UserId::parse(&asked.user).ok()?;
                self.requests.retain(|request| request.user != user);
                let (note, expires) = (asked.note, Timestamp(asked.expires));
                self.requests.push(JoinRequest { user, note, asked: now, expires });
            }
            Change::JoinRejected(change) => {
                let gone = users(&change.users);
                self.requests.retain(|request| !gone.contains(&request.user));
            }
            Change::Invited(invited) => {
                let new = users(&invited.users);
                self.invitations.retain(|invitation| !new.contains(&invitation.user));
                let (by, expires) = (&entry.sender, Timestamp(invited.expires));
                let invitation = |user| Invitation { user, by: by.clone(), expires };
                self.invitations.extend(new.into_iter().map(invitation));
            }
            Change::Uninvited(change) => {
                let gone = users(&change.users);
                self.invitations.retain(|invitation| !gone.contains(&invitation.user));
            }
            Change::LinkMade(made) => self.links.push(Link {
                link: LinkId::parse(&made.link).ok()?,
                token: TokenHash::parse(&made.token_sha256)?,
                by: entry.sender.clone(),
                expires: Timestamp(made.expires),
                uses_max: made.uses_max,
                uses: 0,
            }),
            Change::LinkEnded(ended) => self.links.retain(|link| link.link.as_str() != ended.link),
            _ => return None,
        }
        Some(())
    }

    fn use_link(&mut self, link: &str) {
        if let Some(link) = self.links.iter_mut().find(|other| other.link.as_str() == link) {
            link.uses = link.uses.saturating_add(1);
        }
    }

    fn forget(&mut self, names: &[String]) {
        let is_one = |user: &UserId| names.iter().any(|name| name == user.as_str());
        self.requests.retain(|request| !is_one(&request.user));
        self.invitations.retain(|invitation| !is_one(&invitation.user));
    }
}

fn is_of_doors(change: &Change) -> bool {
    matches!(
        change,
        Change::JoinAsked(_)
            | Change::JoinRejected(_)
            | Change::Invited(_)
            | Change::Uninvited(_)
            | Change::LinkMade(_)
            | Change::LinkEnded(_)
    )
}

/// What somebody who is no member is shown of their invitation, if it holds.
pub fn invitation_shown(info: &GroupInfo, user: &UserId, now: Timestamp) -> Option<server_frame::Invitation> {
    let invitation = info.settings.invitation(user, now).filter(|_| !info.dismissed)?;
    Some(server_frame::Invitation {
        group: info.group.clone(),
        name: info.name.clone(),
        by: invitation.by.clone(),
        expires: invitation.expires,
    })
}

impl Group {
    /// What somebody whose invitation came or went is told by the entry that did it.
    pub fn invitation_told(&self, group: &GroupId, user: &UserId, entry: &Entry) -> server_frame::Invitation {
        let info = self.info.as_ref();
        let holding =
            info.filter(|info| !info.dismissed).and_then(|info| info.settings.invitation(user, entry.time));
        server_frame::Invitation {
            group: group.clone(),
            name: info.map_or_else(String::new, |info| info.name.clone()),
            by: holding.map_or(&entry.sender, |invitation| &invitation.by).clone(),
            expires: holding.map_or(Timestamp(0), |invitation| invitation.expires),
        }
    }
}

/// Whether one may still come through it.
pub(super) fn is_open(link: &Link, now: Timestamp) -> bool {
    link.expires > now && (link.uses_max == 0 || link.uses < link.uses_max)
}
