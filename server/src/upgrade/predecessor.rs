//! The process that ends, as seen by the one that goes on.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use gateway::{Inherited, Piece};

use super::line::{Frame, Line, Received};
use super::words::{ADMIN, AND_STOP, END, GO, HELLO, HTTP, Hello, PIECE, READY, REFUSED};

/// How long the other one may take to stop everything.
const END_PATIENCE: Duration = Duration::from_secs(300);
/// How long it may take for its last word.
const GO_PATIENCE: Duration = Duration::from_secs(30);

/// The line to it.
pub(crate) struct Predecessor(Line);

/// Everything that it gave; nothing without one.
#[derive(Default)]
pub(crate) struct Inheritance {
    pub(crate) admin: Option<TcpListener>,
    pub(crate) http: Option<TcpListener>,
    pub(crate) gateway: Option<Inherited>,
    /// Who gave it was asked to stop meanwhile: this process must do that.
    pub(crate) asked_to_stop: bool,
    predecessor: Option<Predecessor>,
}

impl Predecessor {
    /// The line is the standard input, which is nothing from then on.
    pub(crate) fn at_standard_input() -> anyhow::Result<Self> {
        let socket =
            rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).context("no standard input")?;
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        Ok(Self(Line::new(socket).context("the standard input is no line to another process")?))
    }

    /// Says that this process could go on, and waits for everything. Blocks.
    pub(crate) fn inherit(mut self) -> anyhow::Result<Inheritance> {
        self.0.send([Frame { kind: HELLO, bytes: &Hello::own().write(), descriptor: None }])?;
        let (mut admin, mut http, mut pieces) = (None, None, Vec::new());
        loop {
            let Received { kind, bytes, descriptor } =
                self.0.receive(END_PATIENCE).context("the process that runs goes on by itself")?;
            match (kind, descriptor) {
                (ADMIN, Some(socket)) => admin = Some(listener(socket)?),
                (HTTP, Some(socket)) => http = Some(listener(socket)?),
                (PIECE, descriptor) => pieces.push(Piece { bytes, descriptor }),
                (END, None) => break,
                (REFUSED, None) => bail!("{}", String::from_utf8_lossy(&bytes)),
                _ => bail!("the process that runs does not speak as it should"),
            }
        }
        let gateway = if pieces.is_empty() { None } else { Some(Inherited::of(pieces)?) };
        Ok(Inheritance { admin, http, gateway, asked_to_stop: false, predecessor: Some(self) })
    }
}

fn listener(socket: OwnedFd) -> std::io::Result<TcpListener> {
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Inheritance {
    /// There is no predecessor.
    pub(crate) fn is_nothing(&self) -> bool {
        self.predecessor.is_none()
    }

    /// Takes the gateway, if this process is to have one where that was.
    pub(crate) fn take_gateway(&mut self, listen: SocketAddr) -> anyhow::Result<Option<Inherited>> {
        let Some(gateway) = self.gateway.take() else { return Ok(None) };
        let address = gateway.address()?;
        ensure!(
            fits(address, listen),
            "public.listen is {listen} and was {address}: live sockets cannot move to another address; restart instead"
        );
        Ok(Some(gateway))
    }

    /// Says that everything is open, and waits until it is this process's alone. Nothing of the sockets may be touched before.
    pub(crate) async fn take_over(&mut self) -> anyhow::Result<()> {
        ensure!(self.gateway.is_none(), "there are live sockets, and this process has not the role gateway");
        let Some(Predecessor(mut line)) = self.predecessor.take() else { return Ok(()) };
        let going = tokio::task::spawn_blocking(move || {
            line.send([Frame { kind: READY, bytes: &[], descriptor: None }])?;
            line.receive(GO_PATIENCE)
        });
        let word = going.await?.context("the process that ran has not let go")?;
        ensure!(word.kind == GO, "the process that ran has another word than the last");
        self.asked_to_stop = word.bytes == AND_STOP;
        Ok(())
    }
}

/// A listener of which the address is still the one configured.
pub(crate) fn still_at(listener: Option<TcpListener>, listen: SocketAddr) -> Option<TcpListener> {
    listener.filter(|listener| listener.local_addr().is_ok_and(|address| fits(address, listen)))
}

fn fits(address: SocketAddr, listen: SocketAddr) -> bool {
    address == listen || listen.port() == 0 && address.ip() == listen.ip()
}
