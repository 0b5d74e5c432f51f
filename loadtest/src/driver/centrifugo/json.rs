//! Its JSON: one command or reply a line.

use anyhow::{Context as _, bail};
use memchr::memmem::Finder;
use serde_json::{Value, json};

use super::{CONNECT, FIRST_MESSAGE, SUBSCRIBE};
use crate::stamp::Stamp;
use crate::wire::heard::{AckHeard, Heard};

/// Searchers.
#[derive(Debug)]
pub(super) struct Scanner {
    offset: Finder<'static>,
    text: Finder<'static>,
}

/// Connect and subscribe, in one message.
pub(super) fn open(out: &mut Vec<u8>, token: &str, channel: &str) {
    let connect = json!({ "id": CONNECT, "connect": { "token": token } });
    let subscribe = json!({ "id": SUBSCRIBE, "subscribe": { "channel": channel } });
    out.extend_from_slice(format!("{connect}\n{subscribe}").as_bytes());
}

/// One message.
pub(super) fn publish(out: &mut Vec<u8>, stamp: Stamp, (kind, name): (&str, &str), padding: usize) {
    let id = stamp.number + FIRST_MESSAGE;
    // Ids have no character that JSON escapes.
    out.extend_from_slice(
        format!("{{\"id\":{id},\"publish\":{{\"channel\":\"{kind}{name}\",\"data\":{{\"t\":\"").as_bytes(),
    );
    out.extend_from_slice(&stamp.to_text());
    out.resize(out.len() + padding, b'.');
    out.extend_from_slice(b"\"}}}");
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self { offset: Finder::new(r#""offset":"#), text: Finder::new(r#""t":""#) }
    }

    /// The first line.
    pub(super) fn scan(&self, payload: &[u8], run: u32) -> anyhow::Result<(Heard, usize)> {
        let end = memchr::memchr(b'\n', payload).unwrap_or(payload.len());
        let used = (end + 1).min(payload.len());
        Ok((self.line(payload[..end].trim_ascii(), run)?, used))
    }

    fn line(&self, line: &[u8], run: u32) -> anyhow::Result<Heard> {
        if line == b"{}" {
            return Ok(Heard::Call);
        }
        if line.starts_with(br#"{"push":{"channel":"#) && self.text.find(line).is_some() {
            let text = self.text.find(line).map_or(&[][..], |at| &line[at + self.text.needle().len()..]);
            let offset = self.offset.find(line).map(|at| &line[at + self.offset.needle().len()..]);
            let seq = offset.and_then(number).context(super::NO_OFFSET)?;
            return Ok(Heard::Event { seq, stamp: Stamp::from_text(text) });
        }
        if line.is_empty() {
            return Ok(Heard::Nothing);
        }
        reply(&serde_json::from_slice(line).context("a reply that is not JSON")?, run)
    }
}

fn reply(reply: &Value, run: u32) -> anyhow::Result<Heard> {
    let id = reply["id"].as_u64().unwrap_or(0);
    let stamp = id.checked_sub(FIRST_MESSAGE).map(|number| Stamp { run, number });
    let error = &reply["error"];
    Ok(match (error.is_object(), stamp) {
        (true, None) => bail!("the server said {}", error),
        (true, stamp) => Heard::Refused { stamp, code: super::code(error["code"].as_u64().unwrap_or(0)) },
        (false, Some(stamp)) => Heard::Ack(AckHeard { stamp: Some(stamp), seq: 0, message_id: 0 }),
        (false, None) if id == SUBSCRIBE => Heard::Ready,
        (false, None) => Heard::Nothing,
    })
}

fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { run: 7, number: 40 };

    fn all(payload: &str) -> Vec<Heard> {
        let scanner = Scanner::new();
        let (mut heard, mut rest) = (Vec::new(), payload.as_bytes());
        while !rest.is_empty() {
            let (one, used) = scanner.scan(rest, 7).expect(payload);
            heard.push(one);
            rest = &rest[used..];
        }
        heard
    }

    #[test]
    fn several_replies_in_one_message_are_told_apart() {
        let text = String::from_utf8(STAMP.to_text().to_vec()).expect("ASCII");
        let payload = format!(
            "{{\"id\":1,\"connect\":{{\"client\":\"x\",\"ping\":25,\"pong\":true}}}}\n{{\"id\":2,\"subscribe\":{{\"offset\":4}}}}\n\
             {{\"push\":{{\"channel\":\"user:a\",\"pub\":{{\"data\":{{\"t\":\"{text}...\"}},\"info\":{{\"user\":\"b\"}},\"offset\":5}}}}}}\n\
             {{\"id\":43,\"publish\":{{}}}}\n{{\"id\":44,\"error\":{{\"code\":108,\"message\":\"no\"}}}}\n{{}}"
        );
        let stamp = Some(STAMP);
        let expected = [
            Heard::Nothing,
            Heard::Ready,
            Heard::Event { seq: 5, stamp },
            Heard::Ack(AckHeard { stamp, seq: 0, message_id: 0 }),
            Heard::Refused { stamp: Some(Stamp { run: 7, number: 41 }), code: "NOT_AVAILABLE" },
            Heard::Call,
        ];
        assert_eq!(all(&payload), expected);
    }

    #[test]
    fn what_is_sent_is_json_of_the_protocol() {
        let mut out = Vec::new();
        publish(&mut out, STAMP, ("user:", "bob"), 4);
        let sent: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(sent["id"], json!(43));
        assert_eq!(sent["publish"]["channel"], json!("user:bob"));
        assert_eq!(sent["publish"]["data"]["t"].as_str().map(str::len), Some(22));
    }

    #[test]
    fn an_event_without_offset_and_a_refused_connect_end_the_run() {
        let event = r#"{"push":{"channel":"user:a","pub":{"data":{"t":"r000007n0000000028"}}}}"#;
        let scanner = Scanner::new();
        let error = scanner.scan(event.as_bytes(), 7).expect_err("no offset").to_string();
        assert!(error.contains("history_size"), "{error}");
        let refused = br#"{"id":1,"error":{"code":101,"message":"unauthorized"}}"#;
        assert!(scanner.scan(refused, 7).expect_err("refused").to_string().contains("unauthorized"));
    }
}
