//! As much of a Redis client as a chore needs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::address;
use super::kind::Kind;

const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Makes the Redis of `url` forget everything.
pub fn flush(url: &str) -> anyhow::Result<()> {
    let address = address::of_url(Kind::Redis, url)?;
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX).with_context(|| url.to_owned())?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.write_all(b"FLUSHALL\r\n")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    ensure!(&answer == b"+OK\r\n", "FLUSHALL was refused");
    Ok(())
}
