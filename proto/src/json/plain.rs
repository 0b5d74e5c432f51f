//! Finds the end of the plain part of a JSON string, 32 and then eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// How many bytes at the front need no escape: neither `"`, `\` nor a control character.
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    // Without an early end inside a block, the compiler makes vector instructions of it.
    let (blocks, _) = bytes.as_chunks::<32>();
    let is_plain = |block: &&[u8; 32]| !block.iter().fold(false, |special, byte| special | is_special(*byte));
    let mut at = 32 * blocks.iter().take_while(is_plain).count();
    let (words, _) = bytes[at..].as_chunks::<8>();
    for word in words {
        let special = specials(u64::from_le_bytes(*word));
        if special != 0 {
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = &bytes[at..];
    at + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The high bit of the lowest special byte is set (bits above it may be wrong: borrows run upwards), and no bit when
/// there is none. "Bit Twiddling Hacks", hasless and hasvalue.
fn specials(word: u64) -> u64 {
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    let quotes = quotes.wrapping_sub(ONES) & !quotes;
    let backslashes = backslashes.wrapping_sub(ONES) & !backslashes;
    (controls | quotes | backslashes) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_is_judged_like_one_alone() {
        const LAST: usize = 74;
        for byte in 0..=255_u8 {
            for place in 0..LAST {
                let mut bytes = [b'a'; LAST + 1];
                bytes[place] = byte;
                bytes[LAST] = b'"';
                let expected = if is_special(byte) { place } else { LAST };
                assert_eq!(plain_length(&bytes), expected, "byte {byte} at {place}");
            }
        }
    }
}
