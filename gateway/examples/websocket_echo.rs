//! Says back whatever it is sent, on the gateway's own codec: what conformance suites for WebSocket servers want to talk to.
//!
//! ```text
//! cargo run -p gateway --example websocket_echo          # prints the address it took
//! cargo xtask autobahn                                   # runs Autobahn's fuzzing client against it
//! ```
//!
//! **Does not** know Tidegate's protocol, time out, or serve many: one thread for each connection.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

use bytes::Bytes;
use gateway::websocket::deflate::{Deflater, InflateLimits, Inflater, agree};
use gateway::websocket::{Decoder, Event, Limits, ProtocolError, close_frame, handshake, pong_frame};
use http::header::{HeaderName, SEC_WEBSOCKET_EXTENSIONS};
use http::{HeaderMap, HeaderValue, Method, Response, Version};

/// The suite's largest message is 16 MiB, and its longest is 4 MiB in fragments of 64 bytes.
const LIMITS: Limits = Limits { message_bytes_max: 32 * 1024 * 1024, frames_per_message_max: 1 << 20 };
/// The suite sends what compresses a thousandfold.
const INFLATE: InflateLimits =
    InflateLimits { message_bytes_max: LIMITS.message_bytes_max, ratio_max: u32::MAX };
/// The smallest window, so that every offer can be agreed to.
const WINDOW_BITS: u8 = 9;
const HEAD_BYTES_MAX: usize = 16 * 1024;
const READ_BYTES: usize = 64 * 1024;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::thread::scope(|scope| {
        for stream in listener.incoming() {
            let stream = stream?;
            scope.spawn(move || {
                // A peer that is gone is the suite's business.
                if let Err(error) = Echo::serve(stream) {
                    eprintln!("{error}");
                }
            });
        }
        Ok(())
    })
}

/// One socket.
struct Echo {
    stream: TcpStream,
    /// Both or neither: the extension is one.
    deflate: Option<(Inflater, Deflater)>,
}

/// Whether the connection goes on.
enum Next {
    Read,
    End,
}

impl Echo {
    fn serve(mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (headers, mut unread) = read_head(&mut stream)?;
        let agreed = agree(&headers, WINDOW_BITS);
        let response = match handshake::check(&Method::GET, Version::HTTP_11, &headers) {
            Ok(request) => request.switching_protocols(None),
            Err(error) => error.response(),
        };
        write_head(&mut stream, response, agreed.as_ref())?;
        let mut decoder = if agreed.is_some() { Decoder::with_deflate(LIMITS) } else { Decoder::new(LIMITS) };
        let deflate = agreed.map(|_| (Inflater::new(INFLATE), Deflater::new(WINDOW_BITS, 0)));
        let mut echo = Self { stream, deflate };
        loop {
            if let Next::End = echo.answer(&mut decoder, &mut unread)? {
                return echo.finish();
            }
            unread.resize(READ_BYTES, 0);
            let length = echo.stream.read(&mut unread)?;
            if length == 0 {
                return Ok(());
            }
            unread.truncate(length);
        }
    }

    fn answer(&mut self, decoder: &mut Decoder, input: &mut [u8]) -> io::Result<Next> {
        let mut events = decoder.events(input);
        loop {
            let answered = match events.next() {
                Ok(Some(event)) => self.on_event(event),
                Ok(None) => return Ok(Next::Read),
                Err(error) => Err(Failure::Protocol(error)),
            };
            match answered {
                Ok(Next::Read) => {}
                Ok(Next::End) => return Ok(Next::End),
                Err(Failure::Io(error)) => return Err(error),
                Err(Failure::Protocol(error)) => {
                    let frame = close_frame(error.close_code().number(), &error.to_string());
                    self.stream.write_all(&frame)?;
                    return Ok(Next::End);
                }
            }
        }
    }

    fn on_event(&mut self, event: Event<'_>) -> Result<Next, Failure> {
        match event {
            Event::Text(text) => self.say(0x81, text.as_bytes())?,
            Event::Binary(bytes) => self.say(0x82, bytes)?,
            Event::DeflatedText(payload) => {
                let message = self.inflate(payload)?;
                if std::str::from_utf8(&message).is_err() {
                    return Err(Failure::Protocol(ProtocolError::TextNotUtf8));
                }
                self.say(0x81, &message)?;
            }
            Event::DeflatedBinary(payload) => {
                let message = self.inflate(payload)?;
                self.say(0x82, &message)?;
            }
            Event::Ping(payload) => self.stream.write_all(&pong_frame(payload))?,
            Event::Pong(_) => {}
            Event::Close(close) => {
                // A close without a code is answered like one with 1000.
                let code = close.map_or(1000, |close| close.code);
                self.stream.write_all(&close_frame(code, ""))?;
                return Ok(Next::End);
            }
        }
        Ok(Next::Read)
    }

    fn inflate(&mut self, payload: &[u8]) -> Result<Vec<u8>, Failure> {
        let Some((inflater, _)) = &mut self.deflate else {
            return Err(Failure::Protocol(ProtocolError::ReservedBit));
        };
        inflater.inflate(payload).map(<[u8]>::to_vec).map_err(Failure::Protocol)
    }

    /// Sends a message, compressed where that was agreed and gains something.
    fn say(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        let plain = framed(first, payload);
        let compressed = self.deflate.as_mut().and_then(|(_, deflater)| deflater.deflate(&plain));
        self.stream.write_all(&compressed.unwrap_or(plain))
    }

    /// Waits until the peer has read the close frame and ends its side.
    fn finish(mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let mut rest = [0; 4 * 1024];
        while self.stream.read(&mut rest)? > 0 {}
        Ok(())
    }
}

/// Why a connection ends early.
enum Failure {
    Io(io::Error),
    Protocol(ProtocolError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn framed(first: u8, payload: &[u8]) -> Bytes {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(short as u8),
        two @ 126..=0xFFFF => {
            frame.push(126);
            frame.extend((two as u16).to_be_bytes());
        }
        eight => {
            frame.push(127);
            frame.extend((eight as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame.into()
}

/// The headers of a request, and what came behind them.
fn read_head(stream: &mut TcpStream) -> io::Result<(HeaderMap, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut part = [0; 4 * 1024];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let length = stream.read(&mut part)?;
        if length == 0 || bytes.len() > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.extend_from_slice(&part[..length]);
    };
    let mut headers = HeaderMap::new();
    for line in String::from_utf8_lossy(&bytes[..end]).lines().skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value.trim())) {
            headers.append(name, value);
        }
    }
    Ok((headers, bytes.split_off(end + 4)))
}

fn write_head(
    stream: &mut TcpStream,
    mut response: Response<()>,
    extensions: Option<&HeaderValue>,
) -> io::Result<()> {
    if let Some(extensions) = extensions {
        response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, extensions.clone());
    }
    let mut head = format!("HTTP/1.1 {}\r\n", response.status());
    for (name, value) in response.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())
}
