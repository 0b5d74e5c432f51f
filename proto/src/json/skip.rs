//! Skips a value of any shape, checking that it is well-formed, without recursion.

use super::reader::{Read, Reader};

/// Open arrays and objects, innermost in the lowest bit; an object is a one.
#[derive(Default)]
struct Nesting {
    kinds: u64,
    depth: u32,
}

impl Nesting {
    const DEPTH_MAX: u32 = 64;

    fn push(&mut self, object: u64) -> bool {
        self.kinds = self.kinds << 1 | object;
        self.depth += 1;
        self.depth <= Self::DEPTH_MAX
    }

    fn pop(&mut self) {
        self.kinds >>= 1;
        self.depth -= 1;
    }

    fn in_object(&self) -> bool {
        self.kinds & 1 == 1
    }
}

impl Reader<'_> {
    /// Skips the next value.
    pub(crate) fn skip(&mut self) -> Read<()> {
        let mut nesting = Nesting::default();
        loop {
            if self.skip_start(&mut nesting)? {
                continue;
            }
            if self.skip_ends(&mut nesting)? {
                return Ok(());
            }
        }
    }

    /// Skips a scalar or the start of an array or object; true when the next thing is a value again.
    fn skip_start(&mut self, nesting: &mut Nesting) -> Read<bool> {
        let (open, close) = match self.peek() {
            Some(b'{') => (b'{', b'}'),
            Some(b'[') => (b'[', b']'),
            _ => return self.skip_scalar().map(|()| false),
        };
        self.eat(open);
        if !nesting.push(u64::from(open == b'{')) {
            return self.syntax("at most 64 levels of nesting");
        }
        if self.eat(close) {
            nesting.pop();
            return Ok(false);
        }
        if open == b'{' {
            self.key()?;
        }
        Ok(true)
    }

    fn skip_scalar(&mut self) -> Read<()> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            _ => self.syntax("a JSON value"),
        }
    }

    /// After a value: skips what closes; true when everything is closed, false when another value follows.
    fn skip_ends(&mut self, nesting: &mut Nesting) -> Read<bool> {
        while nesting.depth > 0 {
            let object = nesting.in_object();
            if self.eat(if object { b'}' } else { b']' }) {
                nesting.pop();
                continue;
            }
            self.expect(b',', "a comma or the end of the array or object")?;
            if object {
                self.key()?;
            }
            return Ok(false);
        }
        Ok(true)
    }
}
