//! The encrypted stream of one connection, over rustls' own state and buffers that all connections of a thread share.
//!
//! ```text
//! kernel ──► wire (thread) ──► rustls ──► who reads        the start of a record whose end has not come is kept
//! kernel ◄── sealed (thread) ◄── rustls ◄── who writes     what the kernel does not take of a record is kept
//! ```
//!
//! **Guarantees.** Nothing more is encrypted while something encrypted waits for the kernel. What was read and did not fit
//! is given first at the next read.
//!
//! **Limits.** [`RECORD_BYTES_MAX`] kept on each side.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ServerConfig;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::kept::{Counted, Kept};

/// The longest record on the wire (RFC 5246 §6.2.3); what is kept of one is shorter.
pub const RECORD_BYTES_MAX: usize = 5 + 16 * 1024 + 2048;

/// What one connection costs after its handshake, besides what is kept; `tests/tls_connections_are_small.rs` holds it to what is
/// measured.
pub(crate) const STATE_BYTES: usize = 3_350;

/// Bytes that are read at once.
const WIRE_BYTES: usize = 64 * 1024;
/// Bytes that are encrypted at once: the most that fits one record (RFC 8446 §5.1).
const PLAIN_BYTES: usize = 16 * 1024;
/// That record, and a change of keys that may go before it.
const SEALED_BYTES: usize = PLAIN_BYTES + 1024;
/// Reads that may bring nothing for the reader before others get their turn.
const READS_PER_TURN: usize = 4;

/// What the connections of a thread share.
struct Scratch {
    wire: Box<[u8]>,
    plain: Box<[u8]>,
    sealed: Box<[u8]>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        wire: vec![0; WIRE_BYTES].into_boxed_slice(),
        plain: vec![0; PLAIN_BYTES].into_boxed_slice(),
        sealed: vec![0; SEALED_BYTES].into_boxed_slice(),
    });
}

/// See the module.
pub struct TlsStream {
    tcp: TcpStream,
    tls: UnbufferedServerConnection,
    /// The start of a record.
    incoming: Kept,
    /// Decrypted, and not read yet.
    plain: Kept,
    /// Encrypted, and not taken by the kernel yet.
    outgoing: Kept,
    /// Nothing more comes: the peer said so.
    peer_closed: bool,
    /// Nothing more is sent: the peer was told.
    closed: bool,
    /// The peer broke the protocol. rustls must not be asked again: it takes a second fatal alert for a mistake of its caller.
    failed: bool,
    _counted: Counted,
}

/// What a look at the kernel's side brought.
enum Filled {
    Something,
    End,
}

impl TlsStream {
    /// Before its handshake.
    pub(super) fn new(tcp: TcpStream, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self {
            tcp,
            tls: UnbufferedServerConnection::new(config)?,
            incoming: Kept::default(),
            plain: Kept::default(),
            outgoing: Kept::default(),
            peer_closed: false,
            closed: false,
            failed: false,
            _counted: Counted::new(),
        })
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// What rustls knows of it.
    pub(super) fn tls(&self) -> &UnbufferedServerConnection {
        &self.tls
    }

    /// Ready when the kernel may take more.
    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_write_ready(cx)
    }

    /// Reads what the kernel has at the moment, for a handshake; what follows it is kept.
    pub(super) fn try_read(&mut self) -> io::Result<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            let start = self.incoming.len();
            // No more than a record: others wait for their turn.
            let length = self.tcp.try_read(&mut scratch.wire[start..start + RECORD_BYTES_MAX])?;
            if length == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.incoming.move_into(&mut scratch.wire);
            self.take_in(&mut scratch.wire[..start + length], &mut ReadBuf::new(&mut []))
        })
    }

    /// Reads from the kernel and decrypts into `into`, what does not fit into `plain`.
    fn poll_fill(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<Filled>> {
        SCRATCH.with_borrow_mut(|scratch| {
            // As much as the reader has room for, so that nothing need be kept of it; but a record must go on.
            let start = self.incoming.len();
            let end = (start + into.remaining().max(1024)).min(WIRE_BYTES);
            let mut wire = ReadBuf::new(&mut scratch.wire[start..end]);
            ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut wire))?;
            let length = wire.filled().len();
            if length == 0 {
                return Poll::Ready(Ok(Filled::End));
            }
            self.incoming.move_into(&mut scratch.wire);
            self.take_in(&mut scratch.wire[..start + length], into)?;
            Poll::Ready(Ok(Filled::Something))
        })
    }

    /// Decrypts `wire`, all that there is; keeps the start of a record at its end.
    fn take_in(&mut self, wire: &mut [u8], into: &mut ReadBuf<'_>) -> io::Result<()> {
        if self.failed {
            return Err(ErrorKind::InvalidData.into());
        }
        let taken = self.process(wire, into);
        taken.map_err(|error| {
            self.failed = true;
            // The alert that says why is worth one try.
            let _: io::Result<()> = self.try_flush();
            io::Error::new(ErrorKind::InvalidData, error)
        })
    }

    fn process(&mut self, wire: &mut [u8], into: &mut ReadBuf<'_>) -> Result<(), rustls::Error> {
        let mut done = 0;
        loop {
            let UnbufferedStatus { mut discard, state } = self.tls.process_tls_records(&mut wire[done..]);
            let more = match state {
                Err(error) => {
                    self.encode_alert(&mut wire[done + discard..]);
                    return Err(error);
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        let fits = record.payload.len().min(into.remaining());
                        let (now, later) =
                            record.payload.split_at(if self.plain.is_empty() { fits } else { 0 });
                        into.put_slice(now);
                        self.plain.append(later);
                    }
                    true
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut self.outgoing, &mut data)?;
                    true
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // It is as good as sent: nothing overtakes what waits.
                    data.done();
                    true
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.peer_closed = true;
                    true
                }
                // It waits for more, or for something to send, or both sides have closed.
                Ok(_) => false,
            };
            done += discard;
            if !more {
                break;
            }
        }
        let rest = if self.peer_closed { &[] } else { &wire[done..] };
        if rest.len() >= RECORD_BYTES_MAX {
            return Err(rustls::Error::General("a handshake message is too long".to_owned()));
        }
        self.incoming.append(rest);
        Ok(())
    }

    /// After a failure: what rustls has to say then, an alert at its end. With something left in `wire` only the first of it:
    /// rustls would look at that next, and find a second failure there.
    fn encode_alert(&mut self, wire: &mut [u8]) {
        while let Ok(ConnectionState::EncodeTlsData(mut data)) = self.tls.process_tls_records(wire).state {
            // Without it the connection ends all the same.
            if encode(&mut self.outgoing, &mut data).is_err() || !wire.is_empty() {
                return;
            }
        }
    }

    /// Writes what waits; an error of the kind `WouldBlock` when the kernel does not take all of it.
    pub(crate) fn try_flush(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            let written = self.tcp.try_write(self.outgoing.bytes())?;
            self.outgoing.advance(written);
        }
        Ok(())
    }

    /// See [`Self::try_flush`].
    pub(super) fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.try_flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready!(self.tcp.poll_write_ready(cx))?;
                }
                other => return Poll::Ready(other),
            }
        }
    }

    /// Encrypts and writes the start of these; tells how many bytes were taken. What the kernel does not take is kept, and
    /// is to be flushed.
    pub(crate) fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_flush()?;
        SCRATCH.with_borrow_mut(|Scratch { plain, sealed, .. }| {
            let bytes = gather(slices, plain);
            if bytes.is_empty() {
                return Ok(0);
            }
            let length = self.seal(sealed, |traffic, sealed| traffic.encrypt(bytes, sealed))?;
            self.send(&sealed[..length])?;
            Ok(bytes.len())
        })
    }

    /// Tells the peer that nothing more will be sent, if it takes that now.
    pub(crate) fn finish_sending(&mut self) {
        self.say_closed();
        // The peer may be gone already; reading will tell.
        let _: io::Result<()> = self.try_flush();
        crate::listener::finish_sending(&self.tcp);
    }

    fn say_closed(&mut self) {
        if self.closed || self.failed || self.tls.is_handshaking() {
            return;
        }
        self.closed = true;
        let mut notice = [0; 512];
        // Without it the connection ends all the same.
        if let Ok(length) = self.seal(&mut notice, |traffic, sealed| traffic.queue_close_notify(sealed)) {
            self.outgoing.append(&notice[..length]);
        }
    }

    /// Lets rustls encrypt; tells how long the result is.
    fn seal(
        &mut self,
        sealed: &mut [u8],
        encrypt: impl FnOnce(&mut Traffic<'_>, &mut [u8]) -> Result<usize, rustls::unbuffered::EncryptError>,
    ) -> io::Result<usize> {
        if self.failed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        // It looks for the rest of a record behind what it has seen of it, so that must be there.
        let wire = self.incoming.bytes_mut();
        let mut done = 0;
        loop {
            let UnbufferedStatus { discard, state } = self.tls.process_tls_records(&mut wire[done..]);
            let state = state.map_err(|error| {
                self.failed = true;
                io::Error::new(ErrorKind::InvalidData, error)
            });
            match state? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    let length = encrypt(&mut traffic, sealed).map_err(io::Error::other)?;
                    self.incoming.advance(done + discard);
                    return Ok(length);
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    encode(&mut self.outgoing, &mut data)
                        .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => self.peer_closed = true,
                // Not before the handshake, and not after the end.
                _ => return Err(ErrorKind::BrokenPipe.into()),
            }
            done += discard;
        }
    }

    /// Writes what is encrypted; keeps what the kernel does not take.
    fn send(&mut self, sealed: &[u8]) -> io::Result<()> {
        let written = match self.outgoing.is_empty().then(|| self.tcp.try_write(sealed)) {
            Some(Ok(written)) => written,
            Some(Err(error)) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            Some(Err(_)) | None => 0,
        };
        self.outgoing.append(&sealed[written..]);
        Ok(())
    }
}

type Traffic<'a> = rustls::unbuffered::WriteTraffic<'a, ServerConnectionData>;

/// Keeps a message of the protocol itself until it is sent.
fn encode(
    outgoing: &mut Kept,
    data: &mut EncodeTlsData<'_, ServerConnectionData>,
) -> Result<(), rustls::Error> {
    let refused = |_| rustls::Error::General("a message of the handshake could not be written".to_owned());
    let needed = match data.encode(&mut []) {
        Ok(_) => return Ok(()),
        Err(EncodeError::InsufficientSize(size)) => size.required_size,
        Err(error) => return Err(refused(error)),
    };
    let mut message = vec![0; needed];
    let length = data.encode(&mut message).map_err(refused)?;
    outgoing.append(&message[..length]);
    Ok(())
}

/// The first bytes of these, one behind the other: as they are, if the first is enough for a record or the only one.
fn gather<'a>(slices: &'a [IoSlice<'_>], into: &'a mut [u8]) -> &'a [u8] {
    if let [one] = slices {
        return &one[..one.len().min(into.len())];
    }
    let mut filled = 0;
    for slice in slices {
        let taken = slice.len().min(into.len() - filled);
        into[filled..filled + taken].copy_from_slice(&slice[..taken]);
        filled += taken;
    }
    &into[..filled]
}

impl AsyncRead for TlsStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.plain.is_empty() {
            let now = this.plain.len().min(into.remaining());
            into.put_slice(&this.plain.bytes()[..now]);
            this.plain.advance(now);
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        for _ in 0..READS_PER_TURN {
            // What the protocol itself has to say, such as new keys, need not wait for the next message.
            if let Poll::Ready(Err(error)) = this.poll_outgoing(cx) {
                return Poll::Ready(Err(error));
            }
            if this.peer_closed {
                return Poll::Ready(Ok(()));
            }
            let filled = ready!(this.poll_fill(cx, into))?;
            if matches!(filled, Filled::End) || into.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(cx))?;
        Poll::Ready(this.try_write(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_outgoing(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.say_closed();
        ready!(this.poll_outgoing(cx))?;
        Pin::new(&mut this.tcp).poll_shutdown(cx)
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        self.say_closed();
        // Nobody waits for a peer that does not take it now.
        let _: io::Result<()> = self.try_flush();
    }
}
