//! What a gateway is taken apart into, one thing after another: a shard with its listener, then its users with their groups and
//! its broadcasts, then its sessions with their sockets; then the next shard.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use proto::{GroupId, NodeId, UserId};

use super::{Carried, In, Malformed, OfBroadcast, Out};
use crate::config::Compression;
use crate::session::SessionKey;

/// One of them, to be brought to the next process as it is, in the order given.
#[derive(Debug)]
pub struct Piece {
    /// For [`Inherited::of`].
    pub bytes: Vec<u8>,
    /// A listening socket, or a client's.
    pub descriptor: Option<OwnedFd>,
}

/// A gateway in pieces that another process has brought.
#[derive(Debug)]
pub struct Inherited {
    pub(crate) shards: Vec<InheritedShard>,
}

/// What a shard goes on with.
#[derive(Debug)]
pub(crate) struct InheritedShard {
    pub(crate) listener: TcpListener,
    pub(crate) estate: Estate,
}

/// What a shard was, without its listener.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) of: OfShard,
    pub(crate) users: Vec<OfUser>,
    pub(crate) presence: Vec<OfPresence>,
    /// In the order in which they came.
    pub(crate) broadcasts: Vec<OfBroadcast>,
    pub(crate) sessions: Vec<(TcpStream, Carried)>,
}

/// What a shard is besides its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OfShard {
    /// Replies go there.
    pub(crate) node: NodeId,
    /// Of the last session.
    pub(crate) generation: u32,
    /// Deliveries were lost, or may be until the next process listens: every session must resync.
    pub(crate) resync: bool,
    /// As it was agreed with clients.
    pub(crate) compression: Option<Compression>,
}

/// What the sessions of one user want besides what is theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfUser {
    pub(crate) user: UserId,
    pub(crate) groups: Vec<GroupId>,
}

/// What a session does about presence; a piece of its own because few do anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfPresence {
    pub(crate) key: SessionKey,
    /// Nobody uses its client.
    pub(crate) away: bool,
    /// Whom it watches.
    pub(crate) watches: Vec<UserId>,
}

const SHARD: u8 = 1;
const USER: u8 = 2;
const SESSION: u8 = 3;
const PRESENCE: u8 = 4;
const BROADCAST: u8 = 5;

impl Piece {
    pub(crate) fn shard(of: &OfShard, listener: TcpListener) -> Self {
        let mut out = Out::default();
        out.u8(SHARD);
        out.u64(of.node.0);
        out.u32(of.generation);
        out.flag(of.resync);
        out.flag(of.compression.is_some());
        if let Some(compression) = of.compression {
            out.u8(compression.window_bits);
            out.size(compression.bytes_min);
            out.u32(compression.ratio_max);
        }
        Self { bytes: out.into_bytes(), descriptor: Some(listener.into()) }
    }

    pub(crate) fn user(of: &OfUser) -> Self {
        let mut out = Out::default();
        out.u8(USER);
        out.text(&of.user);
        out.size(of.groups.len());
        of.groups.iter().for_each(|group| out.text(group));
        Self { bytes: out.into_bytes(), descriptor: None }
    }

    pub(crate) fn presence(of: &OfPresence) -> Self {
        let mut out = Out::default();
        out.u8(PRESENCE);
        out.u64(of.key.to_number());
        out.flag(of.away);
        out.size(of.watches.len());
        of.watches.iter().for_each(|user| out.text(user));
        Self { bytes: out.into_bytes(), descriptor: None }
    }

    pub(crate) fn broadcast(of: &OfBroadcast) -> Self {
        let mut out = Out::default();
        out.u8(BROADCAST);
        of.write(&mut out);
        Self { bytes: out.into_bytes(), descriptor: None }
    }

    pub(crate) fn session(stream: TcpStream, carried: &Carried) -> Self {
        let mut out = Out::default();
        out.u8(SESSION);
        carried.write(&mut out);
        Self { bytes: out.into_bytes(), descriptor: Some(stream.into()) }
    }

    pub(super) fn is_session(&self) -> bool {
        self.bytes.first() == Some(&SESSION)
    }
}

impl Inherited {
    /// Puts together what was brought. Fails if something is missing, or written in another layout.
    pub fn of(pieces: impl IntoIterator<Item = Piece>) -> Result<Self, Malformed> {
        let mut shards: Vec<InheritedShard> = Vec::new();
        for Piece { bytes, descriptor } in pieces {
            let mut input = In::new(&bytes);
            let with = |descriptor: Option<OwnedFd>| descriptor.ok_or(Malformed("a socket is missing"));
            let estate = shards.last_mut().map(|shard| &mut shard.estate);
            let estate = estate.ok_or(Malformed("something of a shard that is not there"));
            match input.u8()? {
                SHARD => shards.push(InheritedShard {
                    listener: with(descriptor)?.into(),
                    estate: Estate {
                        of: read_shard(&mut input)?,
                        users: Vec::new(),
                        presence: Vec::new(),
                        broadcasts: Vec::new(),
                        sessions: Vec::new(),
                    },
                }),
                USER => estate?.users.push(read_user(&mut input)?),
                PRESENCE => estate?.presence.push(read_presence(&mut input)?),
                BROADCAST => estate?.broadcasts.push(OfBroadcast::read(&mut input)?),
                SESSION => {
                    estate?.sessions.push((with(descriptor)?.into(), Carried::read(&mut input)?));
                }
                _ => return Err(Malformed("a piece of an unknown kind")),
            }
            input.end()?;
        }
        if shards.is_empty() { Err(Malformed("no shard")) } else { Ok(Self { shards }) }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What was brought as a listener is none.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        match self.shards.first() {
            Some(shard) => shard.listener.local_addr(),
            None => Err(std::io::ErrorKind::NotFound.into()),
        }
    }

    /// How many sockets of clients there are.
    pub fn sockets(&self) -> usize {
        self.shards.iter().map(|shard| shard.estate.sessions.len()).sum()
    }
}

fn read_shard(input: &mut In<'_>) -> Result<OfShard, Malformed> {
    let (node, generation, resync) = (NodeId(input.u64()?), input.u32()?, input.flag()?);
    let compression = match input.flag()? {
        true => Some(Compression {
            window_bits: input.u8()?,
            bytes_min: input.u32()? as usize,
            ratio_max: input.u32()?,
        }),
        false => None,
    };
    Ok(OfShard { node, generation, resync, compression })
}

fn read_user(input: &mut In<'_>) -> Result<OfUser, Malformed> {
    let user = input.text(|text| UserId::parse(text).ok())?;
    let count = input.size()?;
    let groups = (0..count).map(|_| input.text(|text| GroupId::parse(text).ok()));
    Ok(OfUser { user, groups: groups.collect::<Result<_, _>>()? })
}

fn read_presence(input: &mut In<'_>) -> Result<OfPresence, Malformed> {
    let (key, away) = (SessionKey::from_number(input.u64()?), input.flag()?);
    let count = input.size()?;
    let watches = (0..count).map(|_| input.text(|text| UserId::parse(text).ok()));
    Ok(OfPresence { key, away, watches: watches.collect::<Result<_, _>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handover::carried::tests::carried;

    fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    fn shard() -> OfShard {
        let compression = Compression { window_bits: 12, bytes_min: 64, ratio_max: 100 };
        OfShard { node: NodeId(7), generation: 8, resync: true, compression: Some(compression) }
    }

    #[test]
    fn pieces_make_the_gateway_that_they_were() {
        let listener = listener();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        let local = stream.local_addr().unwrap();
        let groups = ["g1", "g2"].map(|group| GroupId::parse(group).unwrap()).to_vec();
        let user = OfUser { user: UserId::parse("alice").unwrap(), groups };
        let presence = OfPresence { key: carried().key, away: true, watches: vec![user.user.clone()] };
        let pieces = [
            Piece::shard(&shard(), listener),
            Piece::user(&user),
            Piece::presence(&presence),
            Piece::session(stream, &carried()),
        ];
        let inherited = Inherited::of(pieces).unwrap();
        assert_eq!((inherited.address().unwrap(), inherited.sockets()), (address, 1));
        let [InheritedShard { estate, .. }] = &inherited.shards[..] else { panic!("one shard") };
        assert_eq!((estate.of, &estate.users[..]), (shard(), &[user][..]));
        assert_eq!(estate.presence, [presence]);
        let (stream, session) = &estate.sessions[0];
        assert_eq!(stream.local_addr().unwrap(), local);
        assert_eq!(format!("{session:?}"), format!("{:?}", carried()));
    }

    #[test]
    fn pieces_that_miss_something_make_no_gateway() {
        let empty = Vec::new();
        assert!(Inherited::of(empty).is_err());
        let user = OfUser { user: UserId::parse("alice").unwrap(), groups: Vec::new() };
        assert!(Inherited::of([Piece::user(&user)]).is_err(), "of no shard");
        let mut lost = Piece::shard(&shard(), listener());
        lost.descriptor = None;
        assert!(Inherited::of([lost]).is_err(), "without its listener");
        let mut other = Piece::shard(&shard(), listener());
        other.bytes[0] = 77;
        assert!(Inherited::of([other]).is_err(), "of a kind to come");
    }
}
