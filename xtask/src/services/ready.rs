//! Whether a service answers, asked in its own language.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::address;
use super::kind::Kind;
use crate::stopwatch::Stopwatch;

/// The longest that one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks once: NATS for its INFO line, Redis with PING, a CQL server with an OPTIONS frame.
pub fn answers(kind: Kind, url: &str) -> anyhow::Result<()> {
    let address = address::of_url(kind, url)?;
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX).with_context(|| url.to_owned())?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    stream.write_all(question(kind))?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).with_context(|| format!("{url} listens and does not answer"))?;
    ensure!(is_answer(kind, &answer), "what listens at {url} is no {kind} server: it says {answer:02x?}");
    Ok(())
}

/// Asks until it answers, for at most `patience`, as long as `is_alive` says that it makes sense.
pub fn wait(
    kind: Kind,
    url: &str,
    patience: Duration,
    mut is_alive: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let began = Stopwatch::start();
    loop {
        let Err(error) = answers(kind, url) else { return Ok(()) };
        ensure!(is_alive(), "it ended while it was started");
        if began.elapsed() > patience {
            return Err(error.context(format!("no answer for {} s", patience.as_secs())));
        }
        std::thread::sleep(PAUSE);
    }
}

fn question(kind: Kind) -> &'static [u8] {
    match kind {
        // It speaks first.
        Kind::Nats => b"",
        Kind::Redis => b"PING\r\n",
        // Protocol 4, no flags, stream 0, OPTIONS, no body (CQL binary protocol v4, sections 2 and 4.1.3).
        Kind::Cql => &[0x04, 0, 0, 0, 0x05, 0, 0, 0, 0],
    }
}

fn is_answer(kind: Kind, answer: &[u8; 5]) -> bool {
    match kind {
        Kind::Nats => answer == b"INFO ",
        // One that wants a password has been reached, too.
        Kind::Redis => answer == b"+PONG" || answer == b"-NOAU",
        // A response of that version on that stream, SUPPORTED.
        Kind::Cql => matches!(answer, [0x84, _, 0, 0, 0x06]),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn says(words: &'static [u8]) -> (std::thread::JoinHandle<()>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let speaker = std::thread::Builder::new().spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(words).unwrap();
            // Until the other side has gone.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        (speaker.unwrap(), format!("tcp://127.0.0.1:{port}"))
    }

    #[test]
    fn each_service_is_told_from_the_others() {
        let words: [(Kind, &'static [u8]); 3] = [
            (Kind::Nats, b"INFO {\"server_id\":\"N\"}\r\n"),
            (Kind::Redis, b"+PONG\r\n"),
            (Kind::Cql, &[0x84, 0, 0, 0, 0x06, 0, 0, 0, 2, 0, 0]),
        ];
        for (speaks, words) in words {
            for asked in Kind::ALL {
                let (speaker, url) = says(words);
                assert_eq!(answers(asked, &url).is_ok(), asked == speaks, "{asked} asked of {speaks}");
                speaker.join().unwrap();
            }
        }
    }
}
