//! Its protobuf: commands and replies behind their length as varint.
//!
//! Field numbers of client.proto: Command.id 1, .connect 4, .subscribe 5, .publish 7; ConnectRequest.token 1;
//! SubscribeRequest.channel 1; PublishRequest.channel 1, .data 2; Reply.id 1, .error 2, .push 4, .subscribe 6; Push.pub 4;
//! Publication.data 4, .offset 6; Error.code 1, .message 2.

use anyhow::{Context as _, bail};

use super::{CONNECT, FIRST_MESSAGE, SUBSCRIBE};
use crate::stamp::Stamp;
use crate::wire::heard::{AckHeard, Heard};
use crate::wire::protobuf::{Content, each_field, put_bytes, put_number, put_varint, varint};

/// Connect and subscribe, in one message.
pub(super) fn open(out: &mut Vec<u8>, token: &str, channel: &str) {
    let mut connect = Vec::new();
    put_bytes(&mut connect, 1, token.as_bytes());
    command(out, CONNECT, 4, &connect);
    let mut subscribe = Vec::new();
    put_bytes(&mut subscribe, 1, channel.as_bytes());
    command(out, SUBSCRIBE, 5, &subscribe);
}

/// One message.
pub(super) fn publish(out: &mut Vec<u8>, stamp: Stamp, (kind, name): (&str, &str), padding: usize) {
    let mut data = stamp.to_text().to_vec();
    data.resize(data.len() + padding, b'.');
    let mut publish = Vec::with_capacity(data.len() + name.len() + 16);
    put_bytes(&mut publish, 1, format!("{kind}{name}").as_bytes());
    put_bytes(&mut publish, 2, &data);
    command(out, stamp.number + FIRST_MESSAGE, 7, &publish);
}

fn command(out: &mut Vec<u8>, id: u64, field: u8, request: &[u8]) {
    let mut command = Vec::with_capacity(request.len() + 16);
    put_number(&mut command, 1, id);
    put_bytes(&mut command, field, request);
    put_varint(out, command.len() as u64);
    out.extend_from_slice(&command);
}

/// The first reply.
pub(super) fn scan(payload: &[u8], run: u32) -> anyhow::Result<(Heard, usize)> {
    let (length, rest) = varint(payload).context("a reply without length")?;
    let start = payload.len() - rest.len();
    let reply = rest.get(..usize::try_from(length)?).context("a reply that is cut short")?;
    let used = start + reply.len();
    if reply.is_empty() {
        return Ok((Heard::Call, used));
    }
    Ok((heard(reply, run)?, used))
}

fn heard(reply: &[u8], run: u32) -> anyhow::Result<Heard> {
    let (mut id, mut error, mut push) = (0, None, None);
    each_field(reply, |field, content| match (field, content) {
        (1, Content::Number(number)) => id = number,
        (2, Content::Bytes(bytes)) => error = Some(bytes),
        (4, Content::Bytes(bytes)) => push = Some(bytes),
        _ => {}
    })
    .context("a reply that is no protobuf")?;
    if let Some(push) = push {
        return event(push);
    }
    let stamp = id.checked_sub(FIRST_MESSAGE).map(|number| Stamp { run, number });
    Ok(match (error, stamp) {
        (Some(error), stamp) => refused(error, stamp)?,
        (None, Some(stamp)) => Heard::Ack(AckHeard { stamp: Some(stamp), seq: 0, message_id: 0 }),
        (None, None) if id == SUBSCRIBE => Heard::Ready,
        (None, None) => Heard::Nothing,
    })
}

fn event(push: &[u8]) -> anyhow::Result<Heard> {
    let (mut data, mut offset) = (None, 0);
    each_field(push, |field, content| {
        if let (4, Content::Bytes(publication)) = (field, content) {
            // A publication that is no protobuf has neither data nor offset, and says so below.
            let _ = each_field(publication, |field, content| match (field, content) {
                (4, Content::Bytes(bytes)) => data = Some(bytes),
                (6, Content::Number(number)) => offset = number,
                _ => {}
            });
        }
    })
    .context("a push that is no protobuf")?;
    match (data, offset) {
        (None, _) => Ok(Heard::Nothing),
        (Some(_), 0) => bail!(super::NO_OFFSET),
        (Some(data), seq) => Ok(Heard::Event { seq, stamp: Stamp::from_text(data) }),
    }
}

fn refused(error: &[u8], stamp: Option<Stamp>) -> anyhow::Result<Heard> {
    let (mut code, mut message) = (0, String::new());
    each_field(error, |field, content| match (field, content) {
        (1, Content::Number(number)) => code = number,
        (2, Content::Bytes(bytes)) => message = String::from_utf8_lossy(bytes).into_owned(),
        _ => {}
    })
    .context("an error that is no protobuf")?;
    match stamp {
        Some(stamp) => Ok(Heard::Refused { stamp: Some(stamp), code: super::code(code) }),
        None => bail!("the server said {code} {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(fields: &[(u8, &[u8])], id: u64) -> Vec<u8> {
        let mut reply = Vec::new();
        if id > 0 {
            put_number(&mut reply, 1, id);
        }
        for (field, bytes) in fields {
            put_bytes(&mut reply, *field, bytes);
        }
        let mut out = Vec::new();
        put_varint(&mut out, reply.len() as u64);
        out.extend(reply);
        out
    }

    #[test]
    fn replies_and_pushes_are_understood() {
        let stamp = Stamp { run: 7, number: 300 };
        let mut publication = Vec::new();
        put_bytes(&mut publication, 4, &stamp.to_text());
        put_number(&mut publication, 6, 9);
        let mut push = Vec::new();
        put_bytes(&mut push, 2, b"user:bob");
        put_bytes(&mut push, 4, &publication);
        let mut error = Vec::new();
        put_number(&mut error, 1, 108);
        let mut all = reply(&[(4, &push)], 0);
        all.extend(reply(&[(8, &[])], 303));
        all.extend(reply(&[(6, &[])], 2));
        all.extend(reply(&[(2, &error)], 303));
        all.extend(reply(&[], 0));
        let expected = [
            Heard::Event { seq: 9, stamp: Some(stamp) },
            Heard::Ack(AckHeard { stamp: Some(stamp), seq: 0, message_id: 0 }),
            Heard::Ready,
            Heard::Refused { stamp: Some(stamp), code: "NOT_AVAILABLE" },
            Heard::Call,
        ];
        let mut rest = &all[..];
        for expected in expected {
            let (heard, used) = scan(rest, 7).expect("good");
            assert_eq!(heard, expected);
            rest = &rest[used..];
        }
        assert!(rest.is_empty());
        assert!(scan(&reply(&[(2, &error)], 1), 7).is_err(), "a refused connect");
        assert!(scan(&all[..5], 7).is_err(), "cut short");
    }
}
