//! Writes JSON text straight into a buffer.

use super::plain::plain_length;

/// Writes members and elements one after the other; puts the commas itself.
pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Something precedes the next member or element at this level.
    follows: bool,
}

impl<'o> Writer<'o> {
    /// Appends to `out`.
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, follows: false }
    }

    /// `{` as an element or the whole text.
    pub(crate) fn open_object(&mut self) {
        self.separate();
        self.out.push(b'{');
        self.follows = false;
    }

    /// `"name":{`
    pub(crate) fn open_member(&mut self, name: &'static str) {
        self.name(name);
        self.out.push(b'{');
        self.follows = false;
    }

    /// `}`
    pub(crate) fn close_object(&mut self) {
        self.out.push(b'}');
        self.follows = true;
    }

    /// `"name":[`
    pub(crate) fn open_array(&mut self, name: &'static str) {
        self.name(name);
        self.out.push(b'[');
        self.follows = false;
    }

    /// `]`
    pub(crate) fn close_array(&mut self) {
        self.out.push(b']');
        self.follows = true;
    }

    /// A string element.
    pub(crate) fn element(&mut self, text: &str) {
        self.separate();
        self.quoted(text);
    }

    /// A string member.
    pub(crate) fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        self.quoted(text);
    }

    /// A string member, left out when empty.
    pub(crate) fn text_if_any(&mut self, name: &'static str, text: &str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    /// A string member that is known to need no escapes (ids).
    pub(crate) fn plain_text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    /// A 64-bit number, which proto3 JSON writes as a string.
    pub(crate) fn wide(&mut self, name: &'static str, number: u64) {
        self.name(name);
        self.out.push(b'"');
        self.decimal(number);
        self.out.push(b'"');
    }

    /// A 64-bit number, left out when zero.
    pub(crate) fn wide_if_any(&mut self, name: &'static str, number: u64) {
        if number != 0 {
            self.wide(name, number);
        }
    }

    /// A 32-bit number.
    pub(crate) fn narrow(&mut self, name: &'static str, number: u32) {
        self.name(name);
        self.decimal(u64::from(number));
    }

    /// A 32-bit number, left out when zero.
    pub(crate) fn narrow_if_any(&mut self, name: &'static str, number: u32) {
        if number != 0 {
            self.narrow(name, number);
        }
    }

    /// A number that may have a fraction; left out when it is none.
    pub(crate) fn float(&mut self, name: &'static str, number: f64) {
        if number.is_finite() {
            self.name(name);
            self.out.extend_from_slice(number.to_string().as_bytes());
        }
    }

    /// `true`, left out when false.
    pub(crate) fn flag_if_set(&mut self, name: &'static str, flag: bool) {
        if flag {
            self.name(name);
            self.out.extend_from_slice(b"true");
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &'static str, flag: bool) {
        self.name(name);
        self.out.extend_from_slice(if flag { b"true" } else { b"false" });
    }

    fn name(&mut self, name: &'static str) {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn separate(&mut self) {
        if self.follows {
            self.out.push(b',');
        }
        self.follows = true;
    }

    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        let mut rest = text.as_bytes();
        loop {
            let (plain, special) = rest.split_at(plain_length(rest));
            self.out.extend_from_slice(plain);
            let Some((byte, after)) = special.split_first() else { break };
            self.escape(*byte);
            rest = after;
        }
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0c => b'f',
            0x0d => b'r',
            _ => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                self.out.extend_from_slice(b"\\u00");
                self.out.extend_from_slice(&digits);
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }

    fn decimal(&mut self, number: u64) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}
