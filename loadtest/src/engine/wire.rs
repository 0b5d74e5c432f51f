//! The byte stream of a connection: TCP, or TLS over it.

use std::io::{self, Read as _, Write as _};

use client::tls::TlsLink;
use mio::net::TcpStream;

/// See the module.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) tcp: TcpStream,
    pub(super) tls: Option<Box<TlsLink>>,
}

impl Wire {
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.read(&mut self.tcp, into),
            None => self.tcp.read(into),
        }
    }

    /// Whether a read that has not filled its buffer may not have been the last: a record is read at a time.
    pub(super) fn reads_in_pieces(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.write(&mut self.tcp, bytes),
            None => self.tcp.write(bytes),
        }
    }

    /// Writes what was taken and waits here.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.flush(&mut self.tcp),
            None => Ok(()),
        }
    }
}
