//! The mark that every message of a run carries, in its client message id and at the start of its text: which run, and
//! which message of it. From the number follow sender, recipient and due time, so no table is needed to look it up.

use proto::ClientMessageId;

/// Bytes of the mark at the start of a text.
pub const STAMP_BYTES: usize = 18;

/// One message of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The run: 24 bits.
    pub run: u32,
    /// The message: 40 bits, rising in the order of due times.
    pub number: u64,
}

/// Numbers are below this.
pub const NUMBERS: u64 = 1 << 40;

impl Stamp {
    /// The text form: `r`, 6 hex digits of run, `n`, 10 hex digits of number.
    pub fn to_text(self) -> [u8; STAMP_BYTES] {
        let mut text = [0; STAMP_BYTES];
        text[0] = b'r';
        put_hex(&mut text[1..7], u64::from(self.run));
        text[7] = b'n';
        put_hex(&mut text[8..], self.number);
        text
    }

    /// Reads the text form from the start of `text`.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let text = text.get(..STAMP_BYTES)?;
        if text[0] != b'r' || text[7] != b'n' {
            return None;
        }
        let run = u32::try_from(hex(&text[1..7])?).ok()?;
        Some(Self { run, number: hex(&text[8..])? })
    }

    /// The client message id: a version 7 UUID with the time of the run's start, the run and the number.
    pub fn to_id(self, started_ms: u64) -> ClientMessageId {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&started_ms.to_be_bytes()[2..]);
        let run = self.run.to_be_bytes();
        bytes[6] = 0x70;
        bytes[7] = run[1];
        bytes[8] = 0x80;
        bytes[9] = run[2];
        bytes[10] = run[3];
        bytes[11..].copy_from_slice(&self.number.to_be_bytes()[3..]);
        ClientMessageId(bytes)
    }

    /// Reads the mark out of a client message id in its hyphenated form.
    pub fn from_hyphenated(id: &[u8]) -> Option<Self> {
        let id = id.get(..36)?;
        let run = hex(&id[16..18])? << 16 | hex(&id[21..23])? << 8 | hex(&id[24..26])?;
        Some(Self { run: u32::try_from(run).ok()?, number: hex(&id[26..36])? })
    }
}

fn put_hex(out: &mut [u8], mut value: u64) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for place in out.iter_mut().rev() {
        *place = HEX[(value & 15) as usize];
        value >>= 4;
    }
}

fn hex(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_give_the_mark_back() {
        for number in [0, 1, 0xfe_dcba_9876, NUMBERS - 1] {
            let stamp = Stamp { run: 0xab_cdef, number };
            assert_eq!(Stamp::from_text(&stamp.to_text()), Some(stamp));
            let id = stamp.to_id(1_790_000_000_000);
            assert_eq!(Stamp::from_hyphenated(id.to_string().as_bytes()), Some(stamp));
            assert_eq!(ClientMessageId::parse(&id.to_string()), Ok(id));
        }
    }

    #[test]
    fn other_texts_have_no_mark() {
        for text in ["", "hello", "r12345gn0123456789", "r123456m0123456789", "r123456n012345678"] {
            assert_eq!(Stamp::from_text(text.as_bytes()), None, "{text}");
        }
    }
}
