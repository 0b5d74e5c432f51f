//! Server frames to JSON.
//!
//! As proto3 JSON has it, what is empty or zero is left out; but the members of `event`, `ack`, `head` and `goaway`
//! are always there, because a client acts on each of them.

use super::{
    body_json, confirmations, contact, invitation, overlay_json, presence_json, readers, room, settings_json,
};
use crate::json::Writer;
use crate::server_frame::{
    Ack, ConversationState, Delta, Head, Limits, Nack, Page, Pong, Receipt, Typing, Welcome,
};
use crate::{ConversationId, Entry, Seq, ServerFrame};

pub(super) fn write(frame: &ServerFrame, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    let writer = &mut writer;
    writer.open_object();
    match frame {
        ServerFrame::Welcome(welcome) => write_welcome(writer, welcome),
        ServerFrame::Ack(ack) => write_ack(writer, ack),
        ServerFrame::Nack(nack) => write_nack(writer, nack),
        ServerFrame::Page(page) => write_page(writer, page),
        ServerFrame::Delta(delta) => write_delta(writer, delta),
        ServerFrame::TooLong => write_empty(writer, "too_long"),
        ServerFrame::Event(event) => {
            writer.open_member("event");
            write_entry(writer, &event.conversation, &event.entry);
            writer.close_object();
        }
        ServerFrame::Receipt(receipt) => write_receipt(writer, receipt),
        ServerFrame::Typing(typing) => write_typing(writer, typing),
        ServerFrame::Head(head) => {
            writer.open_member("head");
            write_head(writer, head);
            writer.close_object();
        }
        ServerFrame::Pong(pong) => write_pong(writer, pong),
        ServerFrame::AuthExpiring(expires) => {
            writer.open_member("auth_expiring");
            writer.wide("expires", *expires);
            writer.close_object();
        }
        ServerFrame::Goaway(after_ms) => {
            writer.open_member("goaway");
            writer.narrow("reconnect_after_ms", *after_ms);
            writer.close_object();
        }
        ServerFrame::Resync => write_empty(writer, "resync"),
        ServerFrame::Pins(pins) => overlay_json::write_pins(writer, pins),
        ServerFrame::Versions(versions) => overlay_json::write_versions(writer, versions),
        ServerFrame::Readers(of) => readers::write(writer, of),
        ServerFrame::Confirmed(at) => confirmations::write_confirmed(writer, at),
        ServerFrame::Confirmations(of) => confirmations::write(writer, of),
        ServerFrame::Invitation(of) => invitation::write(writer, of),
        ServerFrame::Contact(contact) => {
            writer.open_member("contact");
            contact::write(writer, contact);
            writer.close_object();
        }
        ServerFrame::Settings(of) => settings_json::write_settings(writer, &of.conversation, &of.settings),
        ServerFrame::Presence(users) => presence_json::write(writer, users),
        ServerFrame::Room(room) => room::write(writer, room),
        ServerFrame::Live(event) => {
            writer.open_member("live");
            write_entry(writer, &event.conversation, &event.entry);
            writer.close_object();
        }
        ServerFrame::Broadcast(broadcast) => room::write_broadcast(writer, broadcast),
    }
    writer.close_object();
}

fn write_empty(writer: &mut Writer<'_>, name: &'static str) {
    writer.open_member(name);
    writer.close_object();
}

/// The members of an `event`, which are also those of an entry in a `page` and of `last` in a `delta`.
pub(super) fn write_entry(writer: &mut Writer<'_>, conversation: &ConversationId, entry: &Entry) {
    writer.plain_text("conversation", conversation.as_str());
    if entry.seq > Seq::ZERO {
        writer.wide("seq", entry.seq.0);
    }
    writer.wide("message_id", entry.message_id.0);
    writer.plain_text("sender", entry.sender.as_str());
    writer.wide("time", entry.time.0);
    body_json::write(writer, "body", &entry.body);
    writer.plain_text("client_message_id", entry.client_message_id.hyphenated(&mut [0; 36]));
}

fn write_welcome(writer: &mut Writer<'_>, welcome: &Welcome) {
    writer.open_member("welcome");
    writer.plain_text("session", &welcome.session.to_string());
    writer.plain_text("user", welcome.user.as_str());
    writer.narrow_if_any("ping_ms", welcome.ping_ms);
    write_limits(writer, &welcome.limits);
    writer.wide_if_any("server_time", welcome.server_time.0);
    writer.wide_if_any("auth_expires", welcome.auth_expires);
    writer.plain_text("version", crate::VERSION);
    writer.close_object();
}

fn write_limits(writer: &mut Writer<'_>, limits: &Limits) {
    writer.open_member("limits");
    writer.narrow_if_any("frame_bytes", limits.frame_bytes);
    writer.narrow_if_any("body_bytes", limits.body_bytes);
    writer.narrow_if_any("unanswered", limits.unanswered);
    writer.narrow_if_any("commands_per_second", limits.commands_per_second);
    writer.narrow_if_any("page_entries", limits.page_entries);
    writer.close_object();
}

fn write_ack(writer: &mut Writer<'_>, ack: &Ack) {
    writer.open_member("ack");
    writer.plain_text("client_message_id", ack.client_message_id.hyphenated(&mut [0; 36]));
    writer.plain_text("conversation", ack.conversation.as_str());
    writer.wide("seq", ack.seq.0);
    writer.wide("message_id", ack.message_id.0);
    writer.wide("time", ack.time.0);
    writer.close_object();
}

fn write_nack(writer: &mut Writer<'_>, nack: &Nack) {
    writer.open_member("nack");
    if let Some(id) = nack.client_message_id {
        writer.plain_text("client_message_id", id.hyphenated(&mut [0; 36]));
    }
    writer.narrow("code", u32::from(nack.code.number()));
    writer.narrow_if_any("retry_after_ms", nack.retry_after_ms);
    writer.text_if_any("message", &nack.message);
    writer.text_if_any("frame", nack.frame);
    writer.close_object();
}

fn write_page(writer: &mut Writer<'_>, page: &Page) {
    writer.open_member("page");
    writer.plain_text("conversation", page.conversation.as_str());
    writer.wide_if_any("from", page.from.0);
    writer.wide_if_any("to", page.to.0);
    overlay_json::write_entries(writer, &page.conversation, &page.entries);
    writer.wide_if_any("head", page.head.0);
    overlay_json::write_overlays(writer, &page.overlays);
    writer.close_object();
}

fn write_delta(writer: &mut Writer<'_>, delta: &Delta) {
    writer.open_member("delta");
    if !delta.conversations.is_empty() {
        writer.open_array("conversations");
        for state in &delta.conversations {
            writer.open_object();
            write_state(writer, state);
            writer.close_object();
        }
        writer.close_array();
    }
    writer.text_if_any("cursor", &delta.cursor);
    writer.flag_if_set("more", delta.more);
    if !delta.contacts.is_empty() {
        writer.open_array("contacts");
        for contact in &delta.contacts {
            writer.open_object();
            contact::write(writer, contact);
            writer.close_object();
        }
        writer.close_array();
    }
    writer.close_object();
}

fn write_state(writer: &mut Writer<'_>, state: &ConversationState) {
    writer.plain_text("conversation", state.conversation.as_str());
    writer.wide_if_any("head", state.head.0);
    writer.wide_if_any("unread", state.unread);
    writer.wide_if_any("read_seq", state.read_seq.0);
    if let Some(last) = &state.last {
        writer.open_member("last");
        write_entry(writer, &state.conversation, last);
        writer.close_object();
    }
    writer.text_if_any("name", state.name.as_deref().unwrap_or_default());
    if let Some(peer) = &state.peer {
        writer.plain_text("peer", peer.as_str());
    }
    writer.wide_if_any("time", state.time.0);
    writer.flag_if_set("left", state.left);
    if let Some(settings) = &state.settings {
        settings_json::write_settings(writer, &state.conversation, settings);
    }
    writer.narrow_if_any("mention_unread", state.mention_unread);
    writer.narrow_if_any("retention_seconds", state.retention_seconds);
    settings_json::write_seqs(writer, "confirm_seqs", &state.confirm_seqs);
    if let Some(of) = &state.invitation {
        invitation::write(writer, of);
    }
}

fn write_receipt(writer: &mut Writer<'_>, receipt: &Receipt) {
    writer.open_member("receipt");
    writer.plain_text("conversation", receipt.conversation.as_str());
    writer.plain_text("user", receipt.user.as_str());
    if let Some(delivered) = receipt.delivered {
        writer.wide("delivered_seq", delivered.0);
    }
    if let Some(read) = receipt.read {
        writer.wide("read_seq", read.0);
    }
    if let Some(unread) = receipt.unread {
        writer.wide("unread", unread);
    }
    writer.close_object();
}

fn write_typing(writer: &mut Writer<'_>, typing: &Typing) {
    writer.open_member("typing");
    writer.plain_text("conversation", typing.conversation.as_str());
    writer.plain_text("user", typing.user.as_str());
    writer.close_object();
}

fn write_head(writer: &mut Writer<'_>, head: &Head) {
    writer.plain_text("conversation", head.conversation.as_str());
    writer.wide("last_seq", head.last.0);
    writer.wide_if_any("missed", head.missed);
}

fn write_pong(writer: &mut Writer<'_>, pong: &Pong) {
    writer.open_member("pong");
    if !pong.heads.is_empty() {
        writer.open_array("heads");
        for head in &pong.heads {
            writer.open_object();
            write_head(writer, head);
            writer.close_object();
        }
        writer.close_array();
    }
    writer.wide_if_any("server_time", pong.server_time.0);
    writer.close_object();
}
