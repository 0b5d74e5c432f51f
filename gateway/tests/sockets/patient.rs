//! A connection of a test, which outlives that everything is stopped for a while.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::ops::Deref;
use std::time::Duration;

use tokio::time::Instant;

/// A connection of which a read waits for bytes, its end or its time-out, and for nothing else.
///
/// A process that is stopped and continued, as a machine that is paused does it to all of them, finds a read with a time-out
/// broken off with `EINTR` (signal(7)), which tungstenite passes on.
pub struct Patient(TcpStream);

impl Patient {
    /// Connects; a read waits this long at most.
    pub fn connect(address: impl ToSocketAddrs, patience: Duration) -> io::Result<Self> {
        Self::new(TcpStream::connect(address)?, patience)
    }

    /// The same with a connection that is there already.
    pub fn new(stream: TcpStream, patience: Duration) -> io::Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }
}

impl Read for Patient {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let begun = Instant::now();
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    if self.0.read_timeout()?.is_some_and(|patience| begun.elapsed() >= patience) {
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                }
                read => return read,
            }
        }
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Deref for Patient {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.0
    }
}
