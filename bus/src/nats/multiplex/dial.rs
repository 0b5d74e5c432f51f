//! From a server's address to a connection that it has accepted.
//!
//! ```text
//! TCP ─► INFO ─► TLS, when either side asks for it ─► CONNECT, PING ─► PONG
//! ```

use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::config::MultiplexConfig;
use super::decoder::{Decoder, Op, ProtocolError};
use super::greeting::{Encryption, LoginError, ServerInfo, connect_line};
use super::servers::Server;
use super::tls::{TlsError, client_config};

/// The bytes of a connection, encrypted or not.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// A connection that the server has accepted.
pub(super) struct Dialled {
    pub(super) server: Server,
    pub(super) info: ServerInfo,
    pub(super) socket: Box<dyn Socket>,
    pub(super) decoder: Decoder,
}

/// Why a server could not be connected to.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("no connection: {0}")]
    Io(#[from] std::io::Error),
    #[error("the server did not answer in time")]
    TimedOut,
    #[error("the server spoke otherwise than NATS does: {0}")]
    Protocol(#[from] ProtocolError),
    #[error("the server introduced itself otherwise than NATS does")]
    Introduction,
    #[error("the server does not encrypt, and we must")]
    NoTls,
    #[error("no encryption: {0}")]
    Tls(#[from] TlsError),
    #[error("no proof of who we are: {0}")]
    Login(#[from] LoginError),
    #[error("the server refused: {0}")]
    Refused(String),
}

impl DialError {
    /// Whether a person must look: waiting does not help.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::NoTls | Self::Tls(_) | Self::Login(_) | Self::Refused(_))
    }
}

pub(super) async fn dial(config: &MultiplexConfig, server: Server) -> Result<Dialled, DialError> {
    let dialling = Box::pin(greet(config, server));
    tokio::time::timeout(config.nats.connect_timeout, dialling).await.map_err(|_| DialError::TimedOut)?
}

async fn greet(config: &MultiplexConfig, server: Server) -> Result<Dialled, DialError> {
    let stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
    stream.set_nodelay(true)?;
    let mut talk = Talk { socket: Box::new(stream), decoder: Decoder::default() };
    let Heard::Info(mut info) = talk.hear().await? else { return Err(DialError::Introduction) };
    let mut encryption = Encryption::Plain;
    if server.tls || config.nats.tls.required || info.tls_required {
        if !info.tls_required && !info.tls_available {
            return Err(DialError::NoTls);
        }
        talk = talk.encrypt(config, &server).await?;
        encryption = Encryption::Tls;
    }
    let mut hello = connect_line(&config.name, &config.nats.auth, &info, encryption)?;
    hello.extend(b"PING\r\n");
    talk.socket.write_all(&hello).await?;
    talk.socket.flush().await?;
    loop {
        match talk.hear().await? {
            Heard::Pong => break,
            // Servers of a cluster say more once they know who we are.
            Heard::Info(newer) => info = newer,
            Heard::Refusal(text) => return Err(DialError::Refused(text)),
            Heard::Ping => talk.socket.write_all(b"PONG\r\n").await?,
            Heard::Ok => {}
            Heard::Message => return Err(DialError::Introduction),
        }
    }
    talk.decoder.allow_messages_of(info.max_payload);
    Ok(Dialled { server, info, socket: talk.socket, decoder: talk.decoder })
}

/// What a server may say while we greet each other.
enum Heard {
    Info(ServerInfo),
    Pong,
    Ping,
    Ok,
    Refusal(String),
    Message,
}

struct Talk {
    socket: Box<dyn Socket>,
    decoder: Decoder,
}

impl Talk {
    async fn hear(&mut self) -> Result<Heard, DialError> {
        loop {
            match self.decoder.next_op()? {
                Some(Op::Info(json)) => {
                    let info = serde_json::from_slice(json).map_err(|_| DialError::Introduction)?;
                    return Ok(Heard::Info(info));
                }
                Some(Op::Pong) => return Ok(Heard::Pong),
                Some(Op::Ping) => return Ok(Heard::Ping),
                Some(Op::Ok) => return Ok(Heard::Ok),
                Some(Op::Error(text)) => return Ok(Heard::Refusal(text.to_owned())),
                Some(Op::Message(_)) => return Ok(Heard::Message),
                None => {}
            }
            if self.socket.read_buf(self.decoder.buffer()).await? == 0 {
                return Err(DialError::Io(std::io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    async fn encrypt(self, config: &MultiplexConfig, server: &Server) -> Result<Self, DialError> {
        // Whatever came in plain after INFO was not said by the server we are going to authenticate.
        if !self.decoder.is_empty() {
            return Err(DialError::Introduction);
        }
        let name = ServerName::try_from(server.tls_name.clone())
            .map_err(|_| TlsError::BadName(server.tls_name.clone()))?;
        let connector = TlsConnector::from(Arc::new(client_config(&config.nats.tls)?));
        let socket = connector.connect(name, self.socket).await?;
        Ok(Self { socket: Box::new(socket), decoder: Decoder::default() })
    }
}
