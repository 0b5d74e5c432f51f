//! One listening socket per shard, all on one port: the kernel spreads connections over them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpStream;

/// Connections that the kernel keeps for a shard which does not accept at the moment.
const BACKLOG: i32 = 4096;

/// Binds `count` sockets. With port 0 the first takes a free port and the others the same one.
pub(crate) fn bind(
    address: SocketAddr,
    count: usize,
) -> io::Result<(SocketAddr, Vec<std::net::TcpListener>)> {
    let mut listeners = Vec::with_capacity(count);
    let mut bound = address;
    for _ in 0..count {
        let socket = Socket::new(Domain::for_address(bound), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&bound.into())?;
        socket.listen(BACKLOG)?;
        let listener = std::net::TcpListener::from(socket);
        bound = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok((bound, listeners))
}

/// Sets what every accepted socket has: small frames leave at once; bytes that the peer's kernel does not take end the
/// connection after `unacknowledged`; and the kernel takes no more than `unsent_bytes_max` of what it cannot send yet,
/// instead of the megabytes that a slow reader would cost there.
pub(crate) fn prepare(stream: &TcpStream, unacknowledged: Duration, unsent_bytes_max: u32) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let socket = SockRef::from(stream);
        socket.set_tcp_user_timeout(Some(unacknowledged))?;
        socket.set_tcp_notsent_lowat(unsent_bytes_max)?;
    }
    Ok(())
}

/// Says that nothing more will be sent, and keeps reading.
pub(crate) fn finish_sending(stream: &TcpStream) {
    // The peer may be gone already; reading will tell.
    let _ = SockRef::from(stream).shutdown(std::net::Shutdown::Write);
}
