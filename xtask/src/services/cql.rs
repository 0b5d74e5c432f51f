//! As much of a CQL client as a chore needs: one statement, one connection, with or without a login, and whether it succeeded.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::address;
use super::kind::Kind;

/// The longest that a statement may take; changes of the schema are slow.
const ANSWER_MAX: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 1 << 20;
// Opcodes of the CQL binary protocol v4, section 2.4.
const ERROR: u8 = 0x00;
const STARTUP: u8 = 0x01;
const READY: u8 = 0x02;
const AUTHENTICATE: u8 = 0x03;
const QUERY: u8 = 0x07;
const RESULT: u8 = 0x08;
const AUTH_RESPONSE: u8 = 0x0f;
const AUTH_SUCCESS: u8 = 0x10;
/// Consistency ONE.
const ONE: [u8; 2] = [0, 1];

/// Runs `statement` at the CQL server of `url`, without logging in.
pub fn execute(url: &str, statement: &str) -> anyhow::Result<()> {
    let mut stream = connect(url)?;
    ask(&mut stream, STARTUP, &startup()?, READY)?;
    query(&mut stream, statement)
}

/// The same where there are logins, with user and password.
pub fn execute_as(url: &str, (user, password): (&str, &str), statement: &str) -> anyhow::Result<()> {
    let mut stream = connect(url)?;
    ask(&mut stream, STARTUP, &startup()?, AUTHENTICATE)?;
    // SASL PLAIN (RFC 4616), as a value of bytes.
    let token = format!("\0{user}\0{password}");
    let mut response = u32::try_from(token.len())?.to_be_bytes().to_vec();
    response.extend(token.as_bytes());
    ask(&mut stream, AUTH_RESPONSE, &response, AUTH_SUCCESS)?;
    query(&mut stream, statement)
}

fn connect(url: &str) -> anyhow::Result<TcpStream> {
    let address = address::of_url(Kind::Cql, url)?;
    let stream = TcpStream::connect_timeout(&address, ANSWER_MAX).with_context(|| url.to_owned())?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    Ok(stream)
}

fn startup() -> anyhow::Result<Vec<u8>> {
    let mut body = vec![0, 1];
    for word in ["CQL_VERSION", "3.0.0"] {
        body.extend(u16::try_from(word.len())?.to_be_bytes());
        body.extend(word.as_bytes());
    }
    Ok(body)
}

fn query(stream: &mut TcpStream, statement: &str) -> anyhow::Result<()> {
    let mut query = u32::try_from(statement.len())?.to_be_bytes().to_vec();
    query.extend(statement.as_bytes());
    query.extend(ONE);
    query.push(0);
    ask(stream, QUERY, &query, RESULT).with_context(|| statement.to_owned())
}

/// Sends one frame and wants an answer with that opcode.
fn ask(stream: &mut TcpStream, opcode: u8, body: &[u8], wanted: u8) -> anyhow::Result<()> {
    let mut frame = vec![0x04, 0, 0, 0, opcode];
    frame.extend(u32::try_from(body.len())?.to_be_bytes());
    frame.extend(body);
    stream.write_all(&frame)?;
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) as usize;
    ensure!(length <= ANSWER_BYTES_MAX, "an answer of {length} bytes");
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    match head[4] {
        opcode if opcode == wanted => Ok(()),
        // An error has a code of four bytes and a text after its length.
        ERROR => bail!("{}", String::from_utf8_lossy(answer.get(6..).unwrap_or_default())),
        other => bail!("an answer with opcode {other:#x}"),
    }
}
