//! One session without its socket.

use bytes::Bytes;
use proto::client_frame::Sync;
use proto::{ClientFrame, ConversationId, DeviceId, Encoding, GroupId, LoginId, Seq, UserId};

use super::{In, Malformed, Out};
use crate::session::SessionKey;
use crate::websocket::Decoder;

/// Slots of one shard: more sockets than one thread serves.
const SLOTS_MAX: u32 = 1 << 24;

/// What is carried of a session. Times are Unix times or what is left, as clocks of processes differ.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) key: SessionKey,
    pub(crate) encoding: Encoding,
    pub(crate) deflate: bool,
    pub(crate) stage: Stage,
    pub(crate) device: DeviceId,
    /// Since when it stands against others of its user; 0 where it does not.
    pub(crate) began_ms: u64,
    /// The others have heard of it.
    pub(crate) claimed: bool,
    pub(crate) unanswered: u16,
    pub(crate) bad_frames: u8,
    pub(crate) decoder: Decoder,
    /// Read and not looked at.
    pub(crate) unread: Vec<u8>,
    /// Live rooms that it is in.
    pub(crate) rooms: Vec<GroupId>,
    pub(crate) mailbox: CarriedMailbox,
}

/// How far it has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No proof yet.
    AwaitingHello {
        /// As the client says without one.
        claimed: Option<UserId>,
        /// Milliseconds for the proof.
        left_ms: u32,
    },
    /// In use.
    Open {
        user: UserId,
        login: Option<LoginId>,
        /// When the token ends, in Unix milliseconds; `u64::MAX` for never.
        expires_ms: u64,
        /// `auth_expiring` was told.
        warned: bool,
        /// `sync`s that wait for its interest; `None` once that is in force.
        waiting: Option<Vec<Sync>>,
    },
}

/// What waits for the socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CarriedMailbox {
    /// Of the first message a part was written.
    pub(crate) begun: bool,
    pub(crate) messages: Vec<Bytes>,
    /// It lags: what is owed of these conversations.
    pub(crate) dirty: Vec<(ConversationId, Seq)>,
    /// It lags: `resync` is owed.
    pub(crate) resync: bool,
    /// Messages of live rooms that were dropped.
    pub(crate) missed: Vec<(ConversationId, u64)>,
}

impl Carried {
    pub(crate) fn write(&self, out: &mut Out) {
        out.u64(self.key.to_number());
        out.u8(match self.encoding {
            Encoding::Json => 0,
            Encoding::Proto => 1,
        });
        out.flag(self.deflate);
        self.stage.write(out);
        out.text(&self.device);
        out.u64(self.began_ms);
        out.flag(self.claimed);
        out.u16(self.unanswered);
        out.u8(self.bad_frames);
        self.decoder.carry(out);
        out.bytes(&self.unread);
        out.size(self.rooms.len());
        self.rooms.iter().for_each(|room| out.text(room));
        self.mailbox.write(out);
    }

    /// Its decoder has no limits yet.
    pub(crate) fn read(input: &mut In<'_>) -> Result<Self, Malformed> {
        let key = SessionKey::from_number(input.u64()?);
        if key.slot >= SLOTS_MAX {
            return Err(Malformed("a slot that no shard has"));
        }
        let encoding = match input.u8()? {
            0 => Encoding::Json,
            1 => Encoding::Proto,
            _ => return Err(Malformed("an encoding that is none")),
        };
        let deflate = input.flag()?;
        Ok(Self {
            key,
            encoding,
            deflate,
            stage: Stage::read(input)?,
            device: input.text(|text| DeviceId::parse(text).ok())?,
            began_ms: input.u64()?,
            claimed: input.flag()?,
            unanswered: input.u16()?,
            bad_frames: input.u8()?,
            decoder: Decoder::carried(deflate, input)?,
            unread: input.bytes()?.to_vec(),
            rooms: read_rooms(input)?,
            mailbox: CarriedMailbox::read(input)?,
        })
    }
}

impl Stage {
    fn write(&self, out: &mut Out) {
        match self {
            Self::AwaitingHello { claimed, left_ms } => {
                out.u8(0);
                out.text_if_any(claimed.as_ref());
                out.u32(*left_ms);
            }
            Self::Open { user, login, expires_ms, warned, waiting } => {
                out.u8(1);
                out.text(user);
                out.text_if_any(login.as_ref());
                out.u64(*expires_ms);
                out.flag(*warned);
                out.flag(waiting.is_some());
                let syncs = waiting.as_deref().unwrap_or_default();
                out.size(syncs.len());
                for sync in syncs {
                    out.bytes(&ClientFrame::Sync(sync.clone()).encode(Encoding::Proto));
                }
            }
        }
    }

    fn read(input: &mut In<'_>) -> Result<Self, Malformed> {
        let user = |text: &str| UserId::parse(text).ok();
        match input.u8()? {
            0 => Ok(Self::AwaitingHello { claimed: input.text_if_any(user)?, left_ms: input.u32()? }),
            1 => Ok(Self::Open {
                user: input.text(user)?,
                login: input.text_if_any(|text| LoginId::parse(text).ok())?,
                expires_ms: input.u64()?,
                warned: input.flag()?,
                waiting: read_waiting(input)?,
            }),
            _ => Err(Malformed("a stage that is none")),
        }
    }
}

fn read_rooms(input: &mut In<'_>) -> Result<Vec<GroupId>, Malformed> {
    let count = input.size()?;
    (0..count).map(|_| input.text(|text| GroupId::parse(text).ok())).collect()
}

fn read_waiting(input: &mut In<'_>) -> Result<Option<Vec<Sync>>, Malformed> {
    let waits = input.flag()?;
    let mut syncs = Vec::new();
    for _ in 0..input.size()? {
        match ClientFrame::decode(Encoding::Proto, input.bytes()?) {
            Ok(ClientFrame::Sync(sync)) => syncs.push(sync),
            _ => return Err(Malformed("a sync that is none")),
        }
    }
    Ok(waits.then_some(syncs))
}

impl CarriedMailbox {
    fn write(&self, out: &mut Out) {
        out.flag(self.begun);
        out.size(self.messages.len());
        self.messages.iter().for_each(|message| out.bytes(message));
        out.size(self.dirty.len());
        for (conversation, seq) in &self.dirty {
            out.text(conversation);
            out.u64(seq.0);
        }
        out.flag(self.resync);
        out.size(self.missed.len());
        for (conversation, missed) in &self.missed {
            out.text(conversation);
            out.u64(*missed);
        }
    }

    fn read(input: &mut In<'_>) -> Result<Self, Malformed> {
        let mut mailbox = Self { begun: input.flag()?, ..Self::default() };
        for _ in 0..input.size()? {
            mailbox.messages.push(Bytes::copy_from_slice(input.bytes()?));
        }
        for _ in 0..input.size()? {
            let conversation = input.text(|text| ConversationId::parse(text).ok())?;
            mailbox.dirty.push((conversation, Seq(input.u64()?)));
        }
        mailbox.resync = input.flag()?;
        for _ in 0..input.size()? {
            let conversation = input.text(|text| ConversationId::parse(text).ok())?;
            mailbox.missed.push((conversation, input.u64()?));
        }
        Ok(mailbox)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proto::client_frame::Position;

    use super::*;
    use crate::websocket::Limits;

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    /// One with something of everything.
    pub(crate) fn carried() -> Carried {
        let conversation = ConversationId::direct(&user("alice"), &user("bob"));
        let position = Position { conversation: conversation.clone(), seq: Seq(3) };
        Carried {
            key: SessionKey { slot: 7, generation: 9 },
            encoding: Encoding::Proto,
            deflate: true,
            stage: Stage::Open {
                user: user("alice"),
                login: None,
                expires_ms: 5,
                warned: true,
                waiting: Some(vec![Sync { cursor: "c".to_owned(), open: vec![position] }]),
            },
            device: DeviceId::unnamed(),
            began_ms: 1_790_000_000_000,
            claimed: true,
            unanswered: 2,
            bad_frames: 1,
            decoder: Decoder::with_deflate(Limits { message_bytes_max: 0, frames_per_message_max: 0 }),
            unread: b"unread".to_vec(),
            rooms: vec![GroupId::parse("stream").unwrap()],
            mailbox: CarriedMailbox {
                begun: true,
                messages: vec![Bytes::from_static(b"rest"), Bytes::from_static(b"whole")],
                dirty: vec![(conversation.clone(), Seq(12))],
                resync: true,
                missed: vec![(conversation, 3)],
            },
        }
    }

    fn write(carried: &Carried) -> Vec<u8> {
        let mut out = Out::default();
        carried.write(&mut out);
        out.into_bytes()
    }

    fn read(bytes: &[u8]) -> Result<Carried, Malformed> {
        let mut input = In::new(bytes);
        let carried = Carried::read(&mut input)?;
        input.end().map(|()| carried)
    }

    #[test]
    fn a_session_is_the_same_on_the_other_side() {
        let after = read(&write(&carried())).unwrap();
        assert_eq!(format!("{after:?}"), format!("{:?}", carried()));
        let waits = || Stage::AwaitingHello { claimed: Some(user("bob")), left_ms: 70 };
        let after = read(&write(&Carried { stage: waits(), ..carried() })).unwrap();
        assert_eq!(after.stage, waits());
    }

    #[test]
    fn what_is_cut_is_refused_and_what_is_changed_is_no_panic() {
        let bytes = write(&carried());
        for at in 0..bytes.len() {
            assert!(read(&bytes[..at]).is_err(), "{at}");
            let mut changed = bytes.clone();
            changed[at] ^= 0xFF;
            let _: Result<Carried, Malformed> = read(&changed);
        }
    }
}
