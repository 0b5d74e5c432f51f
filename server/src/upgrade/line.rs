//! The line between a process and its successor: frames of bytes, some with a descriptor, over a pair of Unix sockets.
//!
//! **Guarantees.** A descriptor arrives with its frame. The end of the other process is the end of the line.
//!
//! **Does not** know what frames mean.
//!
//! **Limits.** [`BATCH_DESCRIPTORS_MAX`] descriptors and about [`BATCH_BYTES`] in one message, [`FRAME_BYTES_MAX`] in a frame.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, send, sendmsg, socketpair,
};

/// Descriptors in one message; Linux takes 253 (`SCM_MAX_FD`).
const BATCH_DESCRIPTORS_MAX: usize = 200;
/// Bytes after which a message is sent.
const BATCH_BYTES: usize = 64 * 1024;
/// The largest session: its mailbox, and as much again.
const FRAME_BYTES_MAX: usize = 2 * MAILBOX_CARRIED_MAX as usize;
/// The messages of a mailbox. What a session has besides is a length for each of 2^20 messages, 2^16 conversations that it lags
/// in, 64 `sync`s and two messages of its client: some 20 MiB where everything is as large as may be.
pub(crate) const MAILBOX_CARRIED_MAX: u32 = 32 * 1024 * 1024;
/// Kind, whether there is a descriptor, length.
const HEADER_BYTES: usize = 6;
/// A process that takes nothing for so long hangs.
const SEND_PATIENCE: Duration = Duration::from_secs(30);

/// One end.
pub(super) struct Line {
    socket: OwnedFd,
    /// Received and not asked for yet.
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

/// What is sent.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) bytes: &'a [u8],
    pub(super) descriptor: Option<BorrowedFd<'a>>,
}

/// What is received.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) kind: u8,
    pub(super) bytes: Vec<u8>,
    pub(super) descriptor: Option<OwnedFd>,
}

/// Why nothing more comes or goes.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    /// It is gone.
    #[error("the other process has ended")]
    Ended,
    /// It hangs.
    #[error("the other process says nothing")]
    Silent,
    /// It is another program.
    #[error("the other process does not speak as it should: {0}")]
    Malformed(&'static str),
    /// Descriptors are short, or memory.
    #[error("the system refuses")]
    System(#[source] Errno),
}

impl From<Errno> for LineError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::PIPE | Errno::CONNRESET => Self::Ended,
            Errno::AGAIN => Self::Silent,
            other => Self::System(other),
        }
    }
}

/// Both ends of a new line.
pub(super) fn pair() -> std::io::Result<(Line, OwnedFd)> {
    let (near, far) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    Ok((Line::new(near)?, far))
}

impl Line {
    pub(super) fn new(socket: OwnedFd) -> std::io::Result<Self> {
        set_socket_timeout(&socket, Timeout::Send, Some(SEND_PATIENCE))?;
        Ok(Self { socket, bytes: Vec::new(), descriptors: VecDeque::new() })
    }

    /// Sends frames, in order.
    pub(super) fn send<'a>(&self, frames: impl IntoIterator<Item = Frame<'a>>) -> Result<(), LineError> {
        let (mut bytes, mut descriptors) = (Vec::new(), Vec::new());
        for Frame { kind, bytes: content, descriptor } in frames {
            let length =
                u32::try_from(content.len()).ok().filter(|length| *length as usize <= FRAME_BYTES_MAX);
            let length = length.ok_or(LineError::Malformed("a frame that is too long"))?;
            bytes.extend_from_slice(&[kind, descriptor.is_some().into()]);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(content);
            descriptors.extend(descriptor);
            if bytes.len() >= BATCH_BYTES || descriptors.len() >= BATCH_DESCRIPTORS_MAX {
                self.send_batch(&bytes, &descriptors)?;
                bytes.clear();
                descriptors.clear();
            }
        }
        self.send_batch(&bytes, &descriptors)
    }

    /// The descriptors go with the first byte, and so before any frame that needs them has come whole.
    fn send_batch(&self, mut bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), LineError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH_DESCRIPTORS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(LineError::Malformed("more descriptors than fit"));
        }
        if !bytes.is_empty() {
            let sent =
                retry(|| sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL))?;
            bytes = &bytes[sent..];
        }
        while !bytes.is_empty() {
            let sent = retry(|| send(&self.socket, bytes, SendFlags::NOSIGNAL))?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    /// Waits for the next frame.
    pub(super) fn receive(&mut self, patience: Duration) -> Result<Received, LineError> {
        set_socket_timeout(&self.socket, Timeout::Recv, Some(patience))?;
        let header = loop {
            match self.bytes.first_chunk::<HEADER_BYTES>() {
                Some(header) => break *header,
                None => self.receive_more()?,
            }
        };
        let [kind, with_descriptor, length @ ..] = header;
        let length = u32::from_le_bytes(length) as usize;
        if with_descriptor > 1 || length > FRAME_BYTES_MAX {
            return Err(LineError::Malformed("that is no header"));
        }
        while self.bytes.len() < HEADER_BYTES + length {
            self.receive_more()?;
        }
        let bytes = self.bytes[HEADER_BYTES..HEADER_BYTES + length].to_vec();
        self.bytes.drain(..HEADER_BYTES + length);
        let descriptor = match with_descriptor {
            0 => None,
            _ => Some(self.descriptors.pop_front().ok_or(LineError::Malformed("a descriptor is missing"))?),
        };
        Ok(Received { kind, bytes, descriptor })
    }

    fn receive_more(&mut self) -> Result<(), LineError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH_DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut piece = vec![0; BATCH_BYTES];
        let received = retry(|| {
            let mut into = [IoSliceMut::new(&mut piece)];
            recvmsg(&self.socket, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC)
        })?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(LineError::Malformed(
                "descriptors were lost; the limit of open files may be too low",
            ));
        }
        if received.bytes == 0 {
            return Err(LineError::Ended);
        }
        self.bytes.extend_from_slice(&piece[..received.bytes]);
        Ok(())
    }
}

fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, LineError> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result.map_err(LineError::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::os::fd::AsFd;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn many_descriptors_and_large_frames_arrive_in_order() {
        let (near, far) = pair().unwrap();
        let mut far = Line::new(far).unwrap();
        let files: Vec<_> = (0..450_u32)
            .map(|number| {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(&number.to_le_bytes()).unwrap();
                file.seek(SeekFrom::Start(0)).unwrap();
                file
            })
            .collect();
        let large = vec![7; 1_000_000];
        let sender = std::thread::Builder::new().name("sender".to_owned()).spawn(move || {
            let with =
                files.iter().map(|file| Frame { kind: 1, bytes: b"file", descriptor: Some(file.as_fd()) });
            near.send(with).unwrap();
            near.send([Frame { kind: 2, bytes: &large, descriptor: None }]).unwrap();
        });
        for number in 0..450_u32 {
            let frame = far.receive(PATIENCE).unwrap();
            let mut content = Vec::new();
            std::fs::File::from(frame.descriptor.unwrap()).read_to_end(&mut content).unwrap();
            assert_eq!((frame.kind, content), (1, number.to_le_bytes().to_vec()));
        }
        let frame = far.receive(PATIENCE).unwrap();
        assert_eq!((frame.kind, frame.bytes.len(), frame.descriptor.is_none()), (2, 1_000_000, true));
        sender.unwrap().join().unwrap();
        assert!(matches!(far.receive(PATIENCE), Err(LineError::Ended)));
    }

    #[test]
    fn silence_and_nonsense_are_told_apart() {
        let (near, far) = pair().unwrap();
        let mut far = Line::new(far).unwrap();
        assert!(matches!(far.receive(Duration::from_millis(50)), Err(LineError::Silent)));
        send(&near.socket, b"HTTP/1.1 200 OK", SendFlags::NOSIGNAL).unwrap();
        assert!(matches!(far.receive(PATIENCE), Err(LineError::Malformed(_))));
    }
}
