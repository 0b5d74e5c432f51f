//! One WebSocket to the server: opening it, and its two halves.

use std::io::Cursor;
use std::net::SocketAddr;

use fastwebsockets::{FragmentCollectorRead, Frame, OpCode, Payload, Role, WebSocketError, WebSocketWrite};
use proto::{CloseCode, Encoding, FrameError, ServerFrame};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, Chain, ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream};

use crate::handshake::Upgrade;
use crate::tls::{Trust, server_name};
use crate::{ClientConfig, ConnectError, ServerUrl};

/// The largest message that a server may send: a full page with room for its envelope, as JSON.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What came from the server.
#[derive(Debug)]
pub(crate) enum Incoming {
    Frame(ServerFrame),
    /// Answer it with a pong.
    Ping(Vec<u8>),
    /// A frame that this version does not know: ignored.
    Unknown(FrameError),
    /// The server said goodbye.
    Close(Option<CloseCode>),
}

/// TCP, or TLS over it.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type AnyStream = Box<dyn Stream>;
type ReadStream = Chain<Cursor<Vec<u8>>, ReadHalf<AnyStream>>;

/// The receiving half.
pub(crate) struct Reader {
    frames: FragmentCollectorRead<ReadStream>,
    encoding: Encoding,
}

/// The sending half.
pub(crate) struct Writer {
    frames: WebSocketWrite<WriteHalf<AnyStream>>,
    encoding: Encoding,
}

/// Connects and upgrades; `welcome` has not come yet. With a cursor the handshake asks for what changed since.
pub(crate) async fn open(
    config: &ClientConfig,
    resume: Option<&str>,
) -> Result<(Reader, Writer), ConnectError> {
    let url = ServerUrl::parse(&config.url)?;
    let token = config.tokens.get().await.map_err(ConnectError::Token)?;
    let stream = connect(config, &url).await?;
    stream.set_nodelay(true)?;
    let mut stream = encrypted(config, &url, stream).await?;
    let upgrade = Upgrade::new(config.encoding);
    stream.write_all(&upgrade.request(&url, &token, resume)).await?;
    stream.flush().await?;
    let mut received = Vec::with_capacity(512);
    let taken = loop {
        if stream.read_buf(&mut received).await? == 0 {
            return Err(ConnectError::Handshake("the server hung up".to_owned()));
        }
        if let Some(taken) = upgrade.answer(&received)? {
            break taken;
        }
    };
    let early = Cursor::new(received.split_off(taken));
    let (read, write) = tokio::io::split(stream);
    let (mut read, mut write) = fastwebsockets::after_handshake_split(early.chain(read), write, Role::Client);
    read.set_auto_close(false);
    read.set_auto_pong(false);
    read.set_max_message_size(MESSAGE_BYTES_MAX);
    write.set_writev(false);
    let encoding = config.encoding;
    Ok((Reader { frames: FragmentCollectorRead::new(read), encoding }, Writer { frames: write, encoding }))
}

async fn connect(config: &ClientConfig, url: &ServerUrl) -> Result<TcpStream, ConnectError> {
    let mut failure = None;
    for address in tokio::net::lookup_host((url.host.as_str(), url.port)).await? {
        match connect_to(config, address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(error),
        }
    }
    let nothing = || std::io::Error::new(std::io::ErrorKind::NotFound, "the host name has no address");
    Err(failure.unwrap_or_else(nothing).into())
}

async fn encrypted(
    config: &ClientConfig,
    url: &ServerUrl,
    stream: TcpStream,
) -> Result<AnyStream, ConnectError> {
    if !url.tls {
        return Ok(Box::new(stream));
    }
    let name = server_name(&url.host)?;
    let trust = match &config.trust {
        Some(trust) => trust.clone(),
        None => Trust::system()?,
    };
    Ok(Box::new(trust.connector().connect(name, stream).await.map_err(ConnectError::Tls)?))
}

async fn connect_to(config: &ClientConfig, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = config.local_address {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    socket.connect(address).await
}

impl Reader {
    /// The next thing from the server. Not cancel safe: one task owns the reader and calls this until it fails.
    pub(crate) async fn next(&mut self) -> Result<Incoming, WebSocketError> {
        loop {
            // Neither pongs nor closes are sent from here: the writer is elsewhere.
            let mut nothing = |_: Frame<'_>| std::future::ready(Ok::<(), WebSocketError>(()));
            let frame = self.frames.read_frame(&mut nothing).await?;
            match frame.opcode {
                OpCode::Text | OpCode::Binary => {
                    return Ok(match ServerFrame::decode(self.encoding, &frame.payload) {
                        Ok(frame) => Incoming::Frame(frame),
                        Err(error) => Incoming::Unknown(error),
                    });
                }
                OpCode::Ping => return Ok(Incoming::Ping(frame.payload.to_vec())),
                OpCode::Close => return Ok(Incoming::Close(close_code(&frame.payload))),
                OpCode::Pong | OpCode::Continuation => {}
            }
        }
    }
}

fn close_code(payload: &[u8]) -> Option<CloseCode> {
    let number = u16::from_be_bytes([*payload.first()?, *payload.get(1)?]);
    CloseCode::from_number(number)
}

impl Writer {
    /// Writes one frame.
    pub(crate) async fn send(&mut self, frame: &proto::ClientFrame) -> Result<(), WebSocketError> {
        let payload = Payload::Owned(frame.encode(self.encoding));
        let frame = match self.encoding {
            Encoding::Json => Frame::text(payload),
            Encoding::Proto => Frame::binary(payload),
        };
        self.write(frame).await
    }

    /// Answers a ping.
    pub(crate) async fn pong(&mut self, payload: Vec<u8>) -> Result<(), WebSocketError> {
        self.write(Frame::pong(payload.into())).await
    }

    /// Says goodbye.
    pub(crate) async fn close(&mut self, code: CloseCode) -> Result<(), WebSocketError> {
        self.write(Frame::close(code.number(), b"")).await
    }

    async fn write(&mut self, frame: Frame<'_>) -> Result<(), WebSocketError> {
        self.frames.write_frame(frame).await?;
        // TLS keeps what it could not write at once.
        self.frames.flush().await
    }
}
