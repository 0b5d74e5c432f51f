//! As much of an HTTP/1.1 client as a run needs to prepare itself: one request, one connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, bail};
use client::ServerUrl;
use client::tls::{TlsLink, Trust};

/// Longer answers are refused.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Of connect, and of each read.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server, and whom to believe to be it, which a URL with TLS needs.
pub type Server<'a> = (&'a str, Option<&'a Trust>);

/// The body of `path` on the server of `url`.
pub fn get(url: Server<'_>, path: &str) -> anyhow::Result<String> {
    request(url, &format!("GET {path} HTTP/1.1\r\n"), "")
}

/// What the server of `url` answers to a JSON body, sent in the name of a token's user.
pub fn post(url: Server<'_>, path: &str, token: &str, body: &str) -> anyhow::Result<String> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n",
        body.len()
    );
    request(url, &head, body)
}

fn request((url, trust): Server<'_>, head: &str, body: &str) -> anyhow::Result<String> {
    let url = ServerUrl::parse(url)?;
    let place = head.split(' ').nth(1).unwrap_or("/");
    let answer = exchange(&url, trust, head, body).with_context(|| format!("{}{place}", url.authority()))?;
    let (status, content) = read_answer(&answer).with_context(|| format!("{}{place}", url.authority()))?;
    if !(200..300).contains(&status) {
        bail!("{}{place} answered {status}: {}", url.authority(), content.trim());
    }
    Ok(content)
}

fn exchange(url: &ServerUrl, trust: Option<&Trust>, head: &str, body: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((url.host.as_str(), url.port))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let text = format!("{head}Host: {}\r\nConnection: close\r\n\r\n{body}", url.authority());
    let mut answer = Vec::new();
    if url.tls {
        let mut link = TlsLink::new(trust.context("nobody is trusted")?, &url.host)?;
        anyhow::ensure!(link.write(&mut stream, text.as_bytes())? == text.len(), "the request is too long");
        let mut some = vec![0; 16 * 1024];
        while (answer.len() as u64) < ANSWER_BYTES_MAX {
            match link.read(&mut stream, &mut some)? {
                0 => break,
                length => answer.extend_from_slice(&some[..length]),
            }
        }
        return Ok(answer);
    }
    stream.write_all(text.as_bytes())?;
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

/// Status and body of a whole answer.
fn read_answer(answer: &[u8]) -> anyhow::Result<(u16, String)> {
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("the answer has no end of headers")?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head
        .strip_prefix("http/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .context("the answer is not HTTP/1.1")?;
    let body = &answer[end + 4..];
    let body = if head.contains("\r\ntransfer-encoding: chunked") { unchunked(body)? } else { body.to_vec() };
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// RFC 9112 §7.1, without trailers.
fn unchunked(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n").context("a chunk has no size")?;
        let size = std::str::from_utf8(&rest[..line])?.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).context("a chunk's size is no number")?;
        if size == 0 {
            return Ok(body);
        }
        let chunk = rest.get(line + 2..line + 2 + size).context("a chunk is cut short")?;
        body.extend_from_slice(chunk);
        rest = rest.get(line + 4 + size..).context("a chunk is cut short")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_chunked_answers_are_read() {
        let plain = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(read_answer(plain).expect("good"), (201, "{}".to_owned()));
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=1\r\nwiki\r\n1\r\n!\r\n0\r\n\r\n";
        assert_eq!(read_answer(chunked).expect("good"), (200, "wiki!".to_owned()));
        assert!(read_answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nwiki").is_err());
        assert!(read_answer(b"SMTP\r\n\r\n").is_err());
    }
}
