//! Tells a service manager how the process is, where one listens (sd_notify(3)): systemd with `Type=notify`.

use std::os::unix::net::UnixDatagram;

/// Where it listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Sends lines such as `READY=1`. Without a service manager nothing happens.
pub(crate) fn tell(state: &str) {
    let Some(place) = std::env::var_os(SOCKET).and_then(|place| place.into_string().ok()) else { return };
    if let Err(error) = send(&place, state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

fn send(place: &str, state: &str) -> std::io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    match place.strip_prefix('@') {
        None => socket.send_to(state.as_bytes(), place).map(drop),
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            socket.send_to_addr(state.as_bytes(), &address).map(drop)
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => Err(std::io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("notify");
        let manager = UnixDatagram::bind(&place).unwrap();
        send(place.to_str().unwrap(), "READY=1").unwrap();
        let mut heard = [0; 32];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
    }
}
