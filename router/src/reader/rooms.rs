//! Live rooms that are not in memory, and what visitors of a room ask that is kept for members alone.

use proto::delivery::{RoomAnswer, RoomOpen};
use proto::group::Room;
use proto::{Code, Command, ConversationId, Delivery, GroupId, Reply, Request, Seq};
use store::Store;

use super::{Refused, refuse, reply};
use crate::rules::membership::{Refusal, may_enter};

/// The answer to `join_room`, from what the store says of the room.
pub async fn enter(store: &Store, command: &Command, room: &GroupId) -> Result<Vec<Delivery>, Refused> {
    let info = store.group(room).await?;
    let answer = match may_enter(info.as_ref()) {
        Ok(of) => {
            let row = store.heads(&[ConversationId::group(room)]).await?.pop().flatten();
            let head = row.map_or(Seq::ZERO, |row| row.seq);
            Ok(RoomOpen { history: of == Room::WithHistory, head })
        }
        Err(refusal) => Err(refusal),
    };
    Ok(vec![room_answer(command, room, answer)])
}

/// The answer to `join_room`.
pub fn room_answer(command: &Command, room: &GroupId, answer: Result<RoomOpen, Refusal>) -> Delivery {
    match answer {
        Ok(open) => reply(command, Reply::Room(RoomAnswer { room: room.clone(), answer: Ok(open) })),
        Err((code, text)) => refuse(command, Refused::Rule(code, text)),
    }
}

/// Whether it asks for something to be kept for one user.
pub fn is_private(request: &Request) -> bool {
    matches!(request, Request::Read(_) | Request::Delivered(_) | Request::Private(_))
}

/// The answer to that of somebody who is in a live room.
pub fn of_visitor(command: &Command) -> Delivery {
    match command.request {
        Request::Private(_) => refuse(
            command,
            Refused::Rule(Code::Forbidden, "nothing is kept for those who are in a live room"),
        ),
        // Clients say so by themselves.
        _ => reply(command, Reply::Settled),
    }
}
