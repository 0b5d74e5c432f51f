//! As much of protobuf as hot paths need: varints and length-delimited fields, read in place.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// A varint.
    Number(u64),
    /// Bytes, a text or a message.
    Bytes(&'a [u8]),
}

/// Calls `take` with each field of a message; `None`: it is not protobuf, or has wire types that are not used here.
pub fn each_field<'a>(mut bytes: &'a [u8], mut take: impl FnMut(u64, Content<'a>)) -> Option<()> {
    while !bytes.is_empty() {
        let (field, content, rest) = next_field(bytes)?;
        take(field, content);
        bytes = rest;
    }
    Some(())
}

/// One protobuf field: number, content and what follows it. `None`: not of a wire type that these frames have.
pub fn next_field(bytes: &[u8]) -> Option<(u64, Content<'_>, &[u8])> {
    let (key, rest) = varint(bytes)?;
    let (value, rest) = varint(rest)?;
    match key & 7 {
        0 => Some((key >> 3, Content::Number(value), rest)),
        2 => {
            let (content, rest) = rest.split_at_checked(usize::try_from(value).ok()?)?;
            Some((key >> 3, Content::Bytes(content), rest))
        }
        _ => None,
    }
}

/// A varint and what follows it.
pub fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// A varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A field with a number below 16 that holds a varint.
pub fn put_number(out: &mut Vec<u8>, field: u8, value: u64) {
    out.push(field << 3);
    put_varint(out, value);
}

/// A field with a number below 16 that holds bytes.
pub fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read_back() {
        let mut out = Vec::new();
        for (field, value) in [(1, 0), (2, 127), (3, 128), (4, u64::MAX)] {
            put_number(&mut out, field, value);
        }
        put_bytes(&mut out, 15, &[7; 300]);
        let mut fields = Vec::new();
        each_field(&out, |field, content| fields.push((field, content))).expect("whole");
        let expected = [0, 127, 128, u64::MAX].into_iter().map(Content::Number).zip(1..);
        let expected: Vec<_> = expected.map(|(content, field)| (field, content)).collect();
        assert_eq!(fields[..4], expected);
        assert_eq!(fields[4], (15, Content::Bytes(&[7; 300])));
        assert!(each_field(&out[..out.len() - 1], |_, _| {}).is_none(), "cut short");
    }
}
