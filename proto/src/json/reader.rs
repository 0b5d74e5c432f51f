//! Reads JSON text (RFC 8259) value by value, as the caller asks for them.

use std::borrow::Cow;

use super::plain::plain_length;

/// Why reading stopped. Holds nothing of the text: bodies and tokens are private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not JSON.
    Syntax {
        /// Byte offset.
        at: usize,
        /// What would have been right there.
        expected: &'static str,
    },
    /// JSON, but not a value that the member may have. Empty names: it was not read as a member that deep.
    Wrong {
        /// The member of the outermost object.
        frame: &'static str,
        /// The member in that.
        field: &'static str,
        /// The innermost member, when it is deeper than that.
        inner: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// What reading gives.
pub(crate) type Read<T> = Result<T, Fault>;

impl Fault {
    pub(crate) fn wrong<T>(allowed: &'static str) -> Read<T> {
        Err(Self::Wrong { frame: "", field: "", inner: "", allowed })
    }

    /// Was found in the value of member `name`.
    fn within(self, name: &'static str) -> Self {
        match self {
            Self::Wrong { frame, field, inner: "", allowed } => {
                Self::Wrong { frame: name, field: frame, inner: field, allowed }
            }
            Self::Wrong { frame, inner, allowed, .. } => {
                Self::Wrong { frame: name, field: frame, inner, allowed }
            }
            Self::Syntax { .. } => self,
        }
    }
}

/// A place in a JSON text.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// At the beginning of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads an object. `member` is called for each member that `names` holds, in snake case or camel case, with the
    /// reader before its value, and must read that value. Other members and nulls are skipped.
    pub(crate) fn fields(
        &mut self,
        names: &'static [&'static str],
        mut member: impl FnMut(&mut Self, &'static str) -> Read<()>,
    ) -> Read<()> {
        if self.peek() != Some(b'{') {
            return Fault::wrong("expected an object");
        }
        self.at += 1;
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            let key = self.key()?;
            let exact = names.iter().find(|name| **name == key);
            match exact.or_else(|| names.iter().find(|name| is_camel_case(&key, name))) {
                Some(name) if self.peek() != Some(b'n') => {
                    member(self, name).map_err(|fault| fault.within(name))?;
                }
                _ => self.skip()?,
            }
            if self.eat(b'}') {
                return Ok(());
            }
            self.expect(b',', "a comma or }")?;
        }
    }

    /// Reads an array. `element` is called before each element and must read it.
    pub(crate) fn elements(&mut self, mut element: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        if self.peek() != Some(b'[') {
            return Fault::wrong("expected an array");
        }
        self.at += 1;
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if self.eat(b']') {
                return Ok(());
            }
            self.expect(b',', "a comma or ]")?;
        }
    }

    /// Reads a string; borrowed unless it has escapes.
    pub(crate) fn string(&mut self) -> Read<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return Fault::wrong("expected a string");
        }
        self.at += 1;
        let plain = self.plain()?;
        if self.next() == Some(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = String::with_capacity(plain.len() * 2 + 16);
        text.push_str(plain);
        loop {
            // The byte before is the one that ended the plain part.
            match self.bytes.get(self.at - 1) {
                Some(b'"') => return Ok(Cow::Owned(text)),
                Some(b'\\') => text.push(self.escape()?),
                _ => return self.syntax("the end of a string, without bare control characters,"),
            }
            text.push_str(self.plain()?);
            if self.next().is_none() {
                return self.syntax("the end of a string");
            }
        }
    }

    /// Reads `true` or `false`.
    pub(crate) fn flag(&mut self) -> Read<bool> {
        match self.peek() {
            Some(b't') => self.literal("true").map(|()| true),
            Some(b'f') => self.literal("false").map(|()| false),
            _ => Fault::wrong("expected true or false"),
        }
    }

    /// Reads a whole number from 0 to 2^64 - 1, as a number or in a string.
    pub(crate) fn unsigned(&mut self) -> Read<u64> {
        const ALLOWED: &str =
            "expected a whole number from 0 to 18446744073709551615, or such a number in a string";
        let value = match self.peek() {
            Some(b'"') => digits(self.string()?.as_bytes()),
            Some(b'-' | b'0'..=b'9') => {
                let number = self.number()?;
                digits(number).or_else(|| whole(number))
            }
            _ => None,
        };
        value.map_or_else(|| Fault::wrong(ALLOWED), Ok)
    }

    /// Reads a whole number from 0 to 2^32 - 1, as a number or in a string.
    pub(crate) fn unsigned32(&mut self) -> Read<u32> {
        match u32::try_from(self.unsigned()?) {
            Ok(number) => Ok(number),
            Err(_) => Fault::wrong("expected a whole number from 0 to 4294967295"),
        }
    }

    /// Reads any finite number, as a number or in a string.
    pub(crate) fn float(&mut self) -> Read<f64> {
        let text = match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => String::from_utf8_lossy(self.number()?),
            _ => return Fault::wrong("expected a number"),
        };
        match text.parse() {
            Ok(number) if f64::is_finite(number) => Ok(number),
            _ => Fault::wrong("expected a number"),
        }
    }

    /// Whether the next value is a string.
    pub(crate) fn is_string(&mut self) -> bool {
        self.peek() == Some(b'"')
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Read<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.syntax("the end of the message"),
        }
    }

    /// The next byte that is not white space, without taking it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes the next byte if it is this one.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Read<()> {
        if self.eat(byte) { Ok(()) } else { self.syntax(expected) }
    }

    pub(super) fn key(&mut self) -> Read<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return self.syntax("a member name in quotes");
        }
        let key = self.string()?;
        self.expect(b':', "a colon")?;
        Ok(key)
    }

    pub(super) fn literal(&mut self, text: &'static str) -> Read<()> {
        if self.bytes[self.at..].starts_with(text.as_bytes()) {
            self.at += text.len();
            Ok(())
        } else {
            self.syntax("a JSON value")
        }
    }

    /// The text of a number, checked against the grammar.
    pub(super) fn number(&mut self) -> Read<&'a [u8]> {
        let start = self.at;
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'-'));
        let leading_zero = self.bytes.get(self.at) == Some(&b'0');
        let whole = self.digit_run()?;
        if leading_zero && whole > 1 {
            return self.syntax("a number without leading zeros");
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digit_run()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digit_run()?;
        }
        Ok(&self.bytes[start..self.at])
    }

    pub(super) fn syntax<T>(&self, expected: &'static str) -> Read<T> {
        Err(Fault::Syntax { at: self.at, expected })
    }

    fn digit_run(&mut self) -> Read<usize> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { self.syntax("a digit") } else { Ok(self.at - start) }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    /// The text up to the next quote, backslash or control character.
    fn plain(&mut self) -> Read<&'a str> {
        let rest = &self.bytes[self.at..];
        let plain = &rest[..plain_length(rest)];
        let Ok(text) = std::str::from_utf8(plain) else { return self.syntax("UTF-8") };
        self.at += plain.len();
        Ok(text)
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Read<char> {
        match self.next() {
            Some(byte @ (b'"' | b'\\' | b'/')) => Ok(char::from(byte)),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{c}'),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => self.unicode_escape(),
            _ => self.syntax("a known escape"),
        }
    }

    /// What follows `\u`: one UTF-16 unit, or two that make a pair.
    fn unicode_escape(&mut self) -> Read<char> {
        let mut units = [self.hex_unit()?, 0];
        let mut count = 1;
        if (0xd800..0xdc00).contains(&units[0]) {
            if self.next() != Some(b'\\') || self.next() != Some(b'u') {
                return self.syntax("the second half of a surrogate pair");
            }
            units[1] = self.hex_unit()?;
            count = 2;
        }
        match char::decode_utf16(units[..count].iter().copied()).next() {
            Some(Ok(char)) => Ok(char),
            _ => self.syntax("a whole surrogate pair"),
        }
    }

    fn hex_unit(&mut self) -> Read<u16> {
        let digits = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
        if digits.len() < 4 {
            return self.syntax("four hexadecimal digits");
        }
        let mut unit = 0_u16;
        for digit in digits {
            match char::from(*digit).to_digit(16).and_then(|digit| u16::try_from(digit).ok()) {
                Some(digit) => unit = unit << 4 | digit,
                None => return self.syntax("four hexadecimal digits"),
            }
        }
        self.at += 4;
        Ok(unit)
    }
}

/// Whether `key` is the camel case of `name`, which is in snake case.
fn is_camel_case(key: &str, name: &str) -> bool {
    let mut key = key.bytes();
    let mut name = name.bytes();
    while let Some(expected) = name.next() {
        let expected = match expected {
            b'_' => name.next().map(|letter| letter.to_ascii_uppercase()),
            letter => Some(letter),
        };
        if key.next() != expected {
            return false;
        }
    }
    key.next().is_none()
}

/// 1 to 20 decimal digits that fit.
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// A number written with a fraction or exponent that is whole all the same, such as `1e3`; proto3 JSON allows it.
fn whole(number: &[u8]) -> Option<u64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let value: f64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    if value.fract() != 0.0 || !(0.0..=EXACT_MAX).contains(&value) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and in range, checked above"
    )]
    Some(value as u64)
}
