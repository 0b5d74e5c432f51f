//! What a process and its successor say to each other.
//!
//! ```text
//! successor ── hello: the layout it reads ──► │ ◄── refused, and why: it ends
//!           ◄── listeners, pieces, end ────── │
//!           ── ready ───────────────────────► │ everything is open and nothing was touched
//!           ◄── go, perhaps to stop ───────── │ the other one ends
//! ```

use gateway::HANDOVER_VERSION;

/// From the successor: magic, version, program.
pub(super) const HELLO: u8 = 1;
/// To it: words.
pub(super) const REFUSED: u8 = 2;
/// To it, with the listener of the admin port.
pub(super) const ADMIN: u8 = 3;
/// To it, with the listener of a public port that no gateway has.
pub(super) const HTTP: u8 = 4;
/// To it: of the gateway, some with a socket.
pub(super) const PIECE: u8 = 5;
/// To it: that was everything, and nothing of it is in use.
pub(super) const END: u8 = 6;
/// From it: it could go on.
pub(super) const READY: u8 = 7;
/// To it: it must. With [`AND_STOP`] behind it, it goes on only to stop as a process that is asked to.
pub(super) const GO: u8 = 8;
/// The other one was asked to stop, and could not any more.
pub(super) const AND_STOP: &[u8] = b"stop";

const MAGIC: &[u8; 8] = b"tidegate";

/// Who a successor says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    /// Of the pieces.
    pub(super) version: u16,
    /// For people.
    pub(super) program: String,
}

impl Hello {
    /// Of this program.
    pub(super) fn own() -> Self {
        Self { version: HANDOVER_VERSION, program: env!("CARGO_PKG_VERSION").to_owned() }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        [MAGIC, &self.version.to_le_bytes()[..], self.program.as_bytes()].concat()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (version, program) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        let program = std::str::from_utf8(program).ok()?.to_owned();
        Some(Self { version: u16::from_le_bytes(*version), program })
    }

    /// Why what this process writes is not for that one; `None` when it is.
    pub(super) fn unreadable(&self) -> Option<String> {
        (self.version != HANDOVER_VERSION).then(|| {
            format!(
                "tidegate {} reads live sockets in layout {}, and the process that runs writes layout {HANDOVER_VERSION}; \
                 restart instead",
                self.program, self.version
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_layout_is_refused_and_another_program_is_none() {
        let own = Hello::own();
        assert_eq!(Hello::read(&own.write()), Some(own.clone()));
        assert_eq!(own.unreadable(), None);
        let later = Hello { version: HANDOVER_VERSION + 1, program: "9.9.9".to_owned() };
        assert!(later.unreadable().unwrap().contains("tidegate 9.9.9 reads live sockets in layout"));
        assert_eq!(Hello::read(b"tide"), None);
        assert_eq!(Hello::read(b"tidegate"), None);
    }
}
