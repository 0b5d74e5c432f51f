//! "Is typing": told to the others, kept nowhere.

use std::sync::Arc;

use proto::delivery::{Class, Fanout};
use proto::server_frame::Typing;
use proto::{
    Command, ConversationId, ConversationKind, Delivery, Payload, Reply, Seq, ServerFrame, SharedFrame,
    Target,
};

use super::reply;

/// Tells the peer, or the group but for the session that types.
pub fn typing(command: &Command, id: &ConversationId) -> Vec<Delivery> {
    let user = command.origin.user.clone();
    let target = match id.kind() {
        ConversationKind::Direct(one, other) | ConversationKind::Pair(one, other) => {
            Target::User(if one == user { other } else { one })
        }
        ConversationKind::Group(group) => Target::Group(group),
    };
    let frame = ServerFrame::Typing(Typing { conversation: id.clone(), user });
    let fanout = Fanout {
        frame: Arc::new(SharedFrame::new(frame)),
        class: Class::Signal,
        conversation: id.clone(),
        seq: Seq::ZERO,
        except: Some(command.origin.session),
    };
    let signal = Delivery { target, payload: Payload::Fanout(fanout), trace: command.trace };
    vec![signal, reply(command, Reply::Settled)]
}
