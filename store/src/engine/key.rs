//! How rows are named: one byte of kind, then parts in an order that scans can use.
//!
//! Texts end with a zero byte, which no id contains; numbers are big-endian; what is wanted newest first is
//! stored inverted.

/// The first byte of a key in the state table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Account by user id.
    Account = b'a',
    /// Index row: conversation, bucket.
    Index = b'b',
    /// Cursor: user, conversation.
    Cursor = b'c',
    /// What another user is to a user: user, the other.
    Relation = b'f',
    /// Group by id.
    Group = b'g',
    /// Head projection by conversation.
    Head = b'h',
    /// Incarnation by id.
    Incarnation = b'i',
    /// Login by id.
    Login = b'l',
    /// Login of a user: user, login.
    LoginOfUser = b'L',
    /// Mention: conversation, user or everybody, seq.
    Mention = b'k',
    /// Member: group, user.
    Member = b'm',
    /// Group of a user: user, group.
    GroupOfUser = b'M',
    /// User id by username.
    Username = b'n',
    /// User id by folded nickname: nickname, user.
    Nickname = b'N',
    /// Who confirmed a message: conversation, seq, epoch.
    Confirmation = b'd',
    /// Overlay: conversation, seq.
    Overlay = b'v',
    /// Owner of a partition.
    Owner = b'o',
    /// Register by conversation.
    Register = b'r',
    /// What a user keeps for themselves: user, conversation.
    Setting = b's',
    /// Order of the same: user, time (newest first), conversation.
    SettingOrder = b'S',
    /// Touched mark: partition, conversation.
    Touched = b't',
    /// Worker lease by worker number.
    Worker = b'w',
    /// Inbox row: user, conversation.
    Inbox = b'x',
    /// Inbox order: user, time (newest first), conversation.
    InboxOrder = b'X',
}

/// A key being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    /// A key of the state table.
    pub(crate) fn of(kind: Kind) -> Self {
        Self(vec![kind as u8])
    }

    /// A key without a kind, for tables with one kind of row.
    pub(crate) fn bare() -> Self {
        Self(Vec::with_capacity(64))
    }

    /// Appends a text and its end.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        self
    }

    /// Appends bytes of a fixed length.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends a number, rising.
    pub(crate) fn u64(self, number: u64) -> Self {
        self.raw(&number.to_be_bytes())
    }

    /// Appends a number, falling: the largest sorts first.
    pub(crate) fn newest_first(self, number: u64) -> Self {
        self.u64(!number)
    }
}

impl std::ops::Deref for Key {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Key> for Vec<u8> {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// Splits a key that [`Key`] wrote.
pub(crate) struct KeyParts<'a>(&'a [u8]);

impl<'a> KeyParts<'a> {
    /// Of the part of a key after a known prefix.
    pub(crate) fn after(key: &'a [u8], prefix_bytes: usize) -> Self {
        Self(key.get(prefix_bytes..).unwrap_or_default())
    }

    /// Takes a text.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = std::str::from_utf8(&self.0[..end]).ok()?;
        self.0 = &self.0[end + 1..];
        Some(text)
    }

    /// Takes a rising number.
    pub(crate) fn u64(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    /// Takes a rising number of four bytes.
    pub(crate) fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }
}
