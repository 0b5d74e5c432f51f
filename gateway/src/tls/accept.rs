//! The server's side of a handshake.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::time::Duration;

use rustls::HandshakeKind;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Pace, Tls, TlsStream};

impl Tls {
    /// Shakes hands, taking turns with others. `None` when that failed or took longer than `within`; then the connection is
    /// closed, and metrics say why.
    pub async fn accept(&self, tcp: TcpStream, pace: &Pace, within: Duration) -> Option<TlsStream> {
        let shaken = timeout(within, self.shake(tcp, pace)).await;
        let shaken = shaken.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        let outcome = match &shaken {
            Ok(stream) => match stream.tls().handshake_kind() {
                Some(HandshakeKind::Resumed) => "resumed",
                _ => "full",
            },
            Err(error) => match error.kind() {
                ErrorKind::TimedOut => "timeout",
                ErrorKind::InvalidData => "refused",
                _ => "cut_off",
            },
        };
        metrics::counter!("gateway_tls_handshakes_total", "outcome" => outcome).increment(1);
        if let Err(error) = &shaken {
            tracing::debug!(%error, "no tls handshake");
        }
        shaken.ok()
    }

    async fn shake(&self, tcp: TcpStream, pace: &Pace) -> io::Result<TlsStream> {
        let mut stream = TlsStream::new(tcp, self.config.clone()).map_err(io::Error::other)?;
        while stream.tls().is_handshaking() {
            stream.tcp().readable().await?;
            let turn = pace.turn().await;
            let read = stream.try_read();
            drop(turn);
            // The alert that says what was wrong as well.
            let flushed = poll_fn(|cx| stream.poll_outgoing(cx)).await;
            match read {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => read?,
            }
            flushed?;
        }
        Ok(stream)
    }
}
