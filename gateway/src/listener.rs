//! One listening socket per shard, all on one port: the kernel spreads connections over them, by a hash.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpStream;

/// Connections that the kernel keeps for a shard which does not accept at the moment.
const BACKLOG: i32 = 4096;

/// Binds `count` sockets. With port 0 the first takes a free port and the others the same one.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let mut listeners = Vec::with_capacity(count);
    let mut bound = address;
    for _ in 0..count {
        let socket = Socket::new(Domain::for_address(bound), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&bound.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        bound = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok((bound, listeners))
}

/// Sets what every accepted socket shall have: small frames leave at once; bytes that the peer's kernel does not take end
/// the connection after `unacknowledged`; and the kernel takes no more than `unsent_bytes_max` of what it cannot send yet,
/// instead of the megabytes that a slow reader would cost there. On Linux the socket that accept gives inherits all of it,
/// which spares three calls for each connection of a storm.
pub(crate) fn prepare(
    listener: &TcpListener,
    unacknowledged: Duration,
    unsent_bytes_max: u32,
) -> io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_tcp_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_has_the_options_of_its_listener() {
        let (address, listeners) = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        prepare(&listeners[0], Duration::from_millis(35_000), 131_072).unwrap();
        let _client = std::net::TcpStream::connect(address).unwrap();
        listeners[0].set_nonblocking(false).unwrap();
        let (accepted, _) = listeners[0].accept().unwrap();
        let socket = SockRef::from(&accepted);
        assert!(socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_millis(35_000)));
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), 131_072);
    }
}
