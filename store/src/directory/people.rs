//! Who is to confirm a message and who has: a bit for each member, at the number that is theirs alone for ever.
//!
//! Numbers rise with joining, so those who were there when a message was sent are those whose number is at most the highest
//! that was given by then. Members of groups of old have no number and are kept by name; all of them were there before.

use std::collections::BTreeSet;

use super::confirmation::ConfirmationRow;
use crate::StoreError;
use bytes::{Buf as _, Bytes};
use proto::delivery::Confirming;
use proto::{ConversationId, ConversationKind, UserId};

/// Bits of one word.
const WORD: u32 = u64::BITS;

/// A set of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = place(number);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    fn remove(&mut self, number: u32) {
        let (word, bit) = place(number);
        if let Some(word) = self.0.get_mut(word) {
            *word &= !bit;
        }
    }

    fn has(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own |= other);
    }

    /// The words of numbers up to this one, without the bits behind it.
    fn words_upto(&self, number: u32) -> impl Iterator<Item = u64> {
        let (last, bit) = place(number);
        let mask = bit | (bit - 1);
        let words = self.0.iter().take(last + 1).enumerate();
        words.map(move |(at, word)| if at == last { word & mask } else { *word })
    }
}

fn place(number: u32) -> (usize, u64) {
    ((number / WORD) as usize, 1 << (number % WORD))
}

/// A set of members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    numbers: Bits,
    /// Those without a number.
    names: BTreeSet<UserId>,
}

impl People {
    /// The two users of a direct conversation.
    pub fn of_two() -> Self {
        let mut two = Self::default();
        two.numbers.insert(1);
        two.numbers.insert(2);
        two
    }

    /// What rows of several owners say together.
    pub fn of_rows(rows: &[ConfirmationRow]) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for row in rows {
            all.add(&Self::decode(row.value.clone())?);
        }
        Ok(all)
    }

    /// Puts a member in; tells whether they were not.
    pub fn insert(&mut self, user: &UserId, number: u32) -> bool {
        match number {
            0 => self.names.insert(user.clone()),
            number => self.numbers.insert(number),
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, user: &UserId, number: u32) {
        match number {
            0 => drop(self.names.remove(user)),
            number => self.numbers.remove(number),
        }
    }

    /// Whether a member is in it.
    pub fn has(&self, user: &UserId, number: u32) -> bool {
        if number == 0 { self.names.contains(user) } else { self.numbers.has(number) }
    }

    /// Puts in who is in the other.
    pub fn add(&mut self, other: &Self) {
        self.numbers.add(&other.numbers);
        self.names.extend(other.names.iter().cloned());
    }

    /// For the store: the names, then a bit for each number.
    pub fn encode(&self) -> Bytes {
        let mut value = u32::try_from(self.names.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
        for name in &self.names {
            value.push(u8::try_from(name.as_str().len()).unwrap_or(u8::MAX));
            value.extend_from_slice(name.as_str().as_bytes());
        }
        value.extend(self.numbers.0.iter().flat_map(|word| word.to_le_bytes()));
        while value.len() > size_of::<u32>() && value.last() == Some(&0) {
            value.pop();
        }
        value.into()
    }

    /// Reads what [`Self::encode`] wrote.
    fn decode(mut value: Bytes) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt("confirmation".to_owned());
        let names = value.try_get_u32().map_err(|_| corrupt())?;
        let mut people = Self::default();
        for _ in 0..names {
            let length = usize::from(value.try_get_u8().map_err(|_| corrupt())?);
            if length > value.len() {
                return Err(corrupt());
            }
            let name = value.split_to(length);
            let name = std::str::from_utf8(&name).ok().and_then(|name| UserId::parse(name).ok());
            people.names.insert(name.ok_or_else(corrupt)?);
        }
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
        people.numbers = Bits(value.chunks(size_of::<u64>()).map(word).collect());
        Ok(people)
    }
}

/// How many have confirmed a message, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Have.
    pub confirmed: u32,
    /// Are to.
    pub of: u32,
}

impl Count {
    /// How far a message is. `present` are the members of now; `sender` is the number of its sender, if they are one.
    pub fn of(message: &Confirming, sender: Option<u32>, present: &People, confirmed: &People) -> Self {
        let here = present.numbers.words_upto(message.numbers);
        let (mut of, mut done) = (0, 0);
        for (at, word) in here.enumerate() {
            of += word.count_ones();
            done += (word & confirmed.numbers.0.get(at).unwrap_or(&0)).count_ones();
        }
        let names = |names: usize| u32::try_from(names).unwrap_or(u32::MAX);
        of += names(present.names.len());
        done += names(present.names.intersection(&confirmed.names).count());
        // Nobody confirms what they sent themselves.
        let own =
            sender.is_some_and(|number| number <= message.numbers && present.has(&message.sender, number));
        Self { confirmed: done, of: of - u32::from(own) }
    }
}

/// The numbers of the two users of a direct conversation; `None` for others.
pub fn number_in_direct(id: &ConversationId, user: &UserId) -> Option<u32> {
    match id.kind() {
        ConversationKind::Direct(one, _) if one == *user => Some(1),
        ConversationKind::Direct(_, other) if other == *user => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
