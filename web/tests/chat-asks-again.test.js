// What the page asks and tells is asked and told again when it was lost or refused.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Chat } from "../chat.js";

const BUSY = 1400;
const NOT_FOUND = 1200;
const DIRECT = "d.alice.bob";
const API = { receipts: async () => [], pins: async () => null };

/** A socket that keeps what was sent by the name of its frame. */
class Socket {
  online = true;
  frames = [];

  send(name, content) {
    if (this.online) this.frames.push([name, content]);
    return this.online;
  }

  /** What was sent by this name since the last time. */
  take(name) {
    const taken = this.frames.filter(([one]) => one === name).map(([, content]) => content);
    this.frames = this.frames.filter(([one]) => one !== name);
    return taken;
  }
}

let chat;
let socket;
const event = (seq, sender = "bob") => ({ conversation: DIRECT, seq: String(seq), sender, time: "1", body: { text: `m${seq}` } });
const state = (more) => ({ conversation: DIRECT, peer: "bob", head: "2", unread: "2", time: "1", ...more });
const wait = (ms) => mock.timers.tick(ms);

function read() {
  const direct = chat.direct("bob");
  chat.open(direct);
  chat.read(direct);
  return direct;
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  chat = new Chat("alice", () => {}, API);
  socket = new Socket();
  chat.attach(socket);
  chat.take("welcome", {});
  assert.deepEqual(socket.take("sync"), [{ cursor: "", open: [] }]);
});

/** There is a conversation with two messages, both unread. */
function begin() {
  chat.take("delta", { cursor: "c1", conversations: [state()] });
  chat.take("event", event(1));
  chat.take("event", event(2));
}

test("a list that is too long is asked from its beginning", () => {
  chat.take("delta", { cursor: "c1" });
  chat.take("resync", {});
  assert.equal(socket.take("sync")[0].cursor, "c1");
  chat.take("too_long", {});
  assert.equal(socket.take("sync")[0].cursor, "");
});

test("a question whose answer is lost is asked again, and not once it came", () => {
  wait(9_999);
  assert.deepEqual(socket.take("sync"), []);
  wait(1);
  assert.equal(socket.take("sync").length, 1);
  chat.take("delta", { cursor: "c1" });
  wait(60_000);
  assert.deepEqual(socket.take("sync"), []);
});

test("a question that is refused is asked again after the advice", () => {
  chat.take("nack", { frame: "sync", code: BUSY, retry_after_ms: 2_000, message: "" });
  wait(1_999);
  assert.deepEqual(socket.take("sync"), []);
  wait(1);
  assert.equal(socket.take("sync").length, 1);
});

test("what moves while an answer is awaited is asked about after it", () => {
  begin();
  socket.take("sync");
  chat.take("resync", {});
  chat.take("head", { conversation: DIRECT, last_seq: "9" });
  assert.equal(socket.take("sync").length, 1);
  chat.take("delta", { cursor: "c2" });
  assert.equal(socket.take("sync")[0].cursor, "c2");
  chat.take("delta", { cursor: "c3" });
  assert.deepEqual(socket.take("sync"), []);
});

test("the rest of a long list is asked for", () => {
  chat.take("delta", { cursor: "c1", more: true });
  assert.equal(socket.take("sync")[0].cursor, "c1");
});

test("what was read is told until the server knows it", () => {
  begin();
  const direct = read();
  const said = { conversation: DIRECT, seq: "2" };
  assert.equal(direct.unread, 0);
  assert.deepEqual(socket.take("read"), [said]);
  wait(5_000);
  assert.deepEqual(socket.take("read"), [said], "no answer");
  chat.take("nack", { frame: "read", code: BUSY, retry_after_ms: 15_000, message: "" });
  wait(14_999);
  assert.deepEqual(socket.take("read"), []);
  wait(1);
  assert.deepEqual(socket.take("read"), [said], "refused");
  chat.disconnected();
  socket.online = false;
  wait(100_000);
  socket.online = true;
  chat.take("welcome", {});
  assert.deepEqual(socket.take("read"), [said], "on a new socket");
  chat.take("receipt", { conversation: DIRECT, user: "alice", read_seq: "1", unread: "1" });
  wait(5_000);
  assert.deepEqual(socket.take("read"), [said], "known only in part");
  chat.take("receipt", { conversation: DIRECT, user: "alice", read_seq: "2", unread: "0" });
  wait(600_000);
  assert.deepEqual(socket.take("read"), []);
});

test("a list tells what the server knows to be read, too", () => {
  begin();
  read();
  chat.take("delta", { cursor: "c2", conversations: [state({ read_seq: "2", unread: "0" })] });
  socket.take("read");
  wait(600_000);
  assert.deepEqual(socket.take("read"), []);
});

test("what the server never takes is not told for ever", () => {
  begin();
  read();
  wait(3_600_000);
  assert.ok(socket.take("read").length <= 6);
});

test("a draft that is refused for a while is kept later, one that is refused for good is not", () => {
  begin();
  const direct = chat.direct("bob");
  direct.draft = "see you";
  const kept = () => socket.take("conversation_set").map(({ draft }) => draft);
  chat.own.planDraft();
  wait(1_000);
  assert.deepEqual(kept(), ["see you"]);
  chat.own.keepDrafts();
  assert.deepEqual(kept(), [], "it is on its way");
  chat.take("nack", { frame: "conversation_set", code: BUSY, retry_after_ms: 3_000, message: "" });
  wait(3_000);
  assert.deepEqual(kept(), ["see you"]);
  chat.take("nack", { frame: "conversation_set", code: NOT_FOUND, message: "" });
  wait(60_000);
  assert.deepEqual(kept(), []);
});

test("what was sent does not come back as a draft", () => {
  begin();
  const direct = chat.direct("bob");
  const settings = (changed, draft) => chat.take("settings", { conversation: DIRECT, changed: String(changed), draft });
  direct.draft = "see you";
  chat.own.keepDrafts();
  direct.draft = "";
  settings(1, "see you");
  assert.equal(direct.draft, "");
  socket.take("conversation_set");
  chat.own.keepDrafts();
  assert.deepEqual(socket.take("conversation_set"), [{ conversation: DIRECT, draft: "" }]);
  settings(2, "");
  settings(3, "written on the phone");
  assert.equal(direct.draft, "written on the phone");
});
