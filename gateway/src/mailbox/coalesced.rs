//! The messages of a mailbox as one run of bytes, kept for the next mailbox that holds the same ones: what a group was told is
//! joined once and written to each member from the same place, at what one message costs the kernel.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes that are joined for one write.
const BYTES_MAX: usize = 64 * 1024;

/// See the module.
#[derive(Default)]
pub(crate) struct Coalesced {
    /// The messages, kept so that no other message can take the place of one in memory: then it is the same if it is at the same place.
    frames: Vec<Bytes>,
    bytes: Vec<u8>,
}

impl Coalesced {
    /// The first of these messages, or as many as fit.
    pub(super) fn first_of<'a>(&'a mut self, frames: &'a VecDeque<Bytes>) -> &'a [u8] {
        match frames.front() {
            Some(first) if frames.len() == 1 || first.len() > BYTES_MAX => return first,
            _ => {}
        }
        if !self.holds(frames) {
            self.join(frames);
        }
        &self.bytes
    }

    /// Lets go of the messages.
    pub(crate) fn clear(&mut self) {
        self.frames.clear();
        self.bytes.clear();
    }

    fn holds(&self, frames: &VecDeque<Bytes>) -> bool {
        let as_many = match frames.get(self.frames.len()) {
            Some(next) => !self.fits(next),
            None => self.frames.len() == frames.len(),
        };
        let same = |kept: &Bytes, asked: &Bytes| (kept.as_ptr(), kept.len()) == (asked.as_ptr(), asked.len());
        as_many && self.frames.iter().zip(frames).all(|(kept, asked)| same(kept, asked))
    }

    fn join(&mut self, frames: &VecDeque<Bytes>) {
        self.clear();
        for frame in frames {
            if !self.fits(frame) {
                return;
            }
            self.bytes.extend_from_slice(frame);
            self.frames.push(frame.clone());
        }
    }

    fn fits(&self, frame: &Bytes) -> bool {
        self.bytes.len() + frame.len() <= BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes all of it, at most `step` bytes at once.
    fn write_all(coalesced: &mut Coalesced, frames: &mut VecDeque<Bytes>, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !frames.is_empty() {
            let bytes = coalesced.first_of(frames);
            let mut taken = bytes.len().min(step);
            assert!(taken > 0, "nothing is written while something waits");
            all.extend_from_slice(&bytes[..taken]);
            while let Some(first) = frames.front_mut() {
                let of_this = taken.min(first.len());
                *first = first.slice(of_this..);
                taken -= of_this;
                if !first.is_empty() {
                    break;
                }
                frames.pop_front();
            }
        }
        all
    }

    proptest! {
        /// Whatever was written before, and however little a socket takes: each gets its own messages, in order.
        #[test]
        fn each_mailbox_is_written_as_it_is(
            messages in prop::collection::vec((any::<u8>(), prop_oneof![1..300_usize, 20_000..70_000_usize]), 1..12),
            mailboxes in prop::collection::vec((prop::collection::vec(0..12_usize, 1..20), 1..90_000_usize), 1..8),
            cleared in any::<bool>(),
        ) {
            let messages: Vec<Bytes> =
                messages.iter().map(|(letter, length)| Bytes::from(vec![*letter; *length])).collect();
            let mut coalesced = Coalesced::default();
            for (numbers, step) in mailboxes {
                let frames: Vec<Bytes> =
                    numbers.iter().map(|number| messages[number % messages.len()].clone()).collect();
                let expected = frames.concat();
                prop_assert_eq!(write_all(&mut coalesced, &mut frames.into(), step), expected);
                if cleared {
                    coalesced.clear();
                }
            }
        }
    }

    #[test]
    fn what_many_are_told_is_joined_once() {
        let told: VecDeque<Bytes> = (0..9).map(|letter| Bytes::from(vec![letter; 100])).collect();
        let mut coalesced = Coalesced::default();
        let first = coalesced.first_of(&told).as_ptr();
        let before = coalesced.bytes.clone();
        coalesced.bytes[0] = 77;
        assert_eq!(coalesced.first_of(&told.clone()).as_ptr(), first);
        assert_eq!(coalesced.bytes[0], 77, "was joined again");
        coalesced.first_of(&told.iter().skip(1).cloned().collect());
        assert_eq!(coalesced.bytes, before[100..]);
    }
}
