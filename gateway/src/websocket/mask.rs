//! Unmasking (RFC 6455 section 5.3): every byte of a client's payload is xored with a rotating four-byte key.

/// Unmasks `payload` in place. `key` begins at the payload's first byte.
///
/// Works on 16 bytes at a time, which the compiler turns into vector instructions.
pub(super) fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let wide = u128::from_ne_bytes([key; 4].as_flattened().try_into().expect("four times four bytes"));
    let (blocks, rest) = payload.as_chunks_mut::<16>();
    for block in blocks {
        *block = (u128::from_ne_bytes(*block) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// The key as it stands after `bytes` bytes of the payload.
pub(super) fn advance(mut key: [u8; 4], bytes: usize) -> [u8; 4] {
    key.rotate_left(bytes % 4);
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_byte_meets_the_key_byte_of_its_place(payload: Vec<u8>, key: [u8; 4]) {
            let expected: Vec<u8> = payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
            let mut actual = payload;
            unmask(&mut actual, key);
            prop_assert_eq!(actual, expected);
        }

        #[test]
        fn a_payload_in_two_parts_unmasks_like_a_whole(payload: Vec<u8>, key: [u8; 4], cut: proptest::sample::Index) {
            let mut whole = payload.clone();
            unmask(&mut whole, key);
            let cut = cut.index(payload.len() + 1);
            let mut parts = payload;
            let (first, second) = parts.split_at_mut(cut);
            unmask(first, key);
            unmask(second, advance(key, cut));
            prop_assert_eq!(parts, whole);
        }
    }
}
