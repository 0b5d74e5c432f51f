//! Present states of messages in protobuf, and the frames that are about them.

use bytes::Bytes;
use prost::Message as _;

use super::server_from_wire::{conversation, entries_of, user};
use super::server_wire::event_to_wire;
use crate::server_frame::{Overlay, Pins, Reaction, Versions};
use crate::{FrameError, Seq, Timestamp, wire};

impl Overlay {
    /// Its protobuf form, for a store.
    pub fn to_bytes(&self) -> Vec<u8> {
        overlay_to_wire(self).encode_to_vec()
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, FrameError> {
        let wire = wire::Overlay::decode(bytes).map_err(|error| FrameError::Malformed(error.to_string()))?;
        overlay("overlay", wire)
    }
}

pub(super) fn overlays_to_wire(overlays: &[Overlay]) -> Vec<wire::Overlay> {
    overlays.iter().map(overlay_to_wire).collect()
}

fn overlay_to_wire(overlay: &Overlay) -> wire::Overlay {
    let reaction = |reaction: &Reaction| wire::Reaction {
        reaction: reaction.reaction.clone(),
        count: reaction.count,
        users: reaction.users.iter().map(ToString::to_string).collect(),
        mine: reaction.mine,
    };
    let recalled = overlay.recalled.as_ref();
    let edited = overlay.edited.as_ref();
    let pinned = overlay.pinned.as_ref();
    wire::Overlay {
        seq: overlay.seq.0,
        changed_seq: overlay.changed.0,
        recalled: recalled.map(|(by, time)| wire::Recalled { by: by.to_string(), time: time.0 }),
        edited: edited.map(|(seqs, time)| wire::Edited {
            seqs: seqs.iter().map(|Seq(seq)| *seq).collect(),
            time: time.0,
        }),
        reactions: overlay.reactions.iter().map(reaction).collect(),
        pinned: pinned.map(|(by, time)| wire::PinnedBy { by: by.to_string(), time: time.0 }),
    }
}

pub(super) fn overlays(
    frame: &'static str,
    overlays: Vec<wire::Overlay>,
) -> Result<Vec<Overlay>, FrameError> {
    overlays.into_iter().map(|wire| overlay(frame, wire)).collect()
}

fn overlay(frame: &'static str, wire: wire::Overlay) -> Result<Overlay, FrameError> {
    let by = |text: &str, time| Ok((user(frame, "overlays", text)?, Timestamp(time)));
    let reaction = |wire: wire::Reaction| {
        let users = wire.users.iter().map(|text| user(frame, "overlays", text));
        let (reaction, count, mine) = (wire.reaction, wire.count, wire.mine);
        Ok(Reaction { reaction, count, users: users.collect::<Result<_, _>>()?, mine })
    };
    Ok(Overlay {
        seq: Seq(wire.seq),
        changed: Seq(wire.changed_seq),
        recalled: wire.recalled.map(|wire| by(&wire.by, wire.time)).transpose()?,
        edited: wire.edited.map(|wire| (wire.seqs.into_iter().map(Seq).collect(), Timestamp(wire.time))),
        reactions: wire.reactions.into_iter().map(reaction).collect::<Result<_, FrameError>>()?,
        pinned: wire.pinned.map(|wire| by(&wire.by, wire.time)).transpose()?,
    })
}

pub(super) fn pins_to_wire(pins: &Pins) -> wire::Pins {
    wire::Pins {
        conversation: pins.conversation.to_string(),
        entries: pins.entries.iter().map(|entry| event_to_wire(&pins.conversation, entry)).collect(),
        overlays: overlays_to_wire(&pins.overlays),
    }
}

pub(super) fn pins(wire: wire::Pins) -> Result<Pins, FrameError> {
    let conversation = conversation("pins", &wire.conversation)?;
    let entries = entries_of("pins", &conversation, wire.entries)?;
    Ok(Pins { conversation, entries, overlays: overlays("pins", wire.overlays)? })
}

pub(super) fn versions_to_wire(versions: &Versions) -> wire::Versions {
    let entries = versions.entries.iter().map(|entry| event_to_wire(&versions.conversation, entry));
    wire::Versions {
        conversation: versions.conversation.to_string(),
        seq: versions.seq.0,
        entries: entries.collect(),
    }
}

pub(super) fn versions(wire: wire::Versions) -> Result<Versions, FrameError> {
    let conversation = conversation("versions", &wire.conversation)?;
    let entries = entries_of("versions", &conversation, wire.entries)?;
    Ok(Versions { conversation, seq: Seq(wire.seq), entries })
}
