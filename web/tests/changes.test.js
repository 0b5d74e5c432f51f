// What becomes of messages: the same, whether the changes were pushed, fetched or told by overlays, and in whatever order.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isExpired } from "../changes.js";
import { Conversation } from "../conversation.js";
import { words } from "../format.js";
import { readEntry, readPage } from "../log.js";

const ME = "alice";
const wire = (seq, sender, body) => ({ seq: String(seq), sender, time: String(seq), body });
const of = (seq) => ({ message: { seq: String(seq) } });
const EVENTS = [
  wire(1, "alice", { text: "hello" }),
  wire(2, "bob", { text: "secret" }),
  wire(3, "bob", { react: { ...of(1), reaction: "👍" } }),
  wire(4, "alice", { react: { ...of(1), reaction: "👍" } }),
  wire(5, "alice", { edit: { ...of(1), body: { text: "hello, all" } } }),
  wire(6, "bob", { edit: { ...of(2), body: { text: "secret 2" } } }),
  wire(7, "bob", { pin: of(1) }),
  wire(8, "alice", { react: { ...of(1), reaction: "👍", remove: true } }),
  wire(9, "bob", { recall: of(2) }),
];
// As a page of it all would have them.
const PRESENT = {
  from: "1", to: "9", head: "9",
  entries: EVENTS.map((event) => (event.seq === "1" ? { ...event, body: { text: "hello, all" } } : event))
    .map((event) => (event.seq === "2" ? { ...event, body: {} } : event))
    .map((event) => (event.seq === "6" ? { ...event, body: { edit: of(2) } } : event)),
  overlays: [
    { seq: "1", changed_seq: "8", edited: { seqs: ["5"], time: "5" }, pinned: { by: "bob", time: "7" },
      reactions: [{ reaction: "👍", count: 1, users: ["bob"] }] },
    { seq: "2", changed_seq: "9", recalled: { by: "bob", time: "9" } },
  ],
};

function pushed() {
  const conversation = new Conversation("d.alice.bob", "bob");
  for (const event of EVENTS) conversation.takeEntry(readEntry(event), ME);
  return conversation;
}

function check(conversation) {
  const [hello, secret] = [conversation.message(1), conversation.message(2)];
  assert.equal(hello.body.text, "hello, all");
  assert.deepEqual([hello.state.isEdited, hello.state.pinned.by, hello.state.recalled], [true, "bob", null]);
  assert.deepEqual(hello.state.reactions, [{ reaction: "👍", count: 1, users: ["bob"] }]);
  assert.equal(secret.state.recalled.by, "bob");
  assert.equal(words(secret, (user) => user), "bob recalled a message");
  assert.deepEqual(secret.body, {});
}

test("pushed one by one", () => {
  const conversation = pushed();
  check(conversation);
  assert.equal(conversation.unread, 1, "changes are not unread");
});

test("fetched, and then fetched or pushed again", () => {
  const conversation = new Conversation("d.alice.bob", "bob");
  conversation.takePage(readPage(PRESENT, ME), ME);
  check(conversation);
  for (const event of EVENTS) conversation.takeEntry(readEntry(event), ME);
  conversation.takePage(readPage(PRESENT, ME), ME);
  check(conversation);
});

test("a page that was read before a change that is held, and the rest in a hole", () => {
  const conversation = new Conversation("d.alice.bob", "bob");
  const early = { from: "1", to: "2", head: "9", entries: EVENTS.slice(0, 2), overlays: [] };
  conversation.takePage(readPage(early, ME), ME);
  for (const event of EVENTS.slice(5)) conversation.takeEntry(readEntry(event), ME);
  const hole = { from: "3", to: "5", head: "9", entries: EVENTS.slice(2, 5) };
  conversation.takePage(readPage(hole, ME), ME);
  check(conversation);
});

test("older messages come as they are, whatever is held already", () => {
  const conversation = new Conversation("d.alice.bob", "bob");
  const newest = { from: "4", to: "9", head: "9", entries: PRESENT.entries.slice(3) };
  conversation.takePage(readPage(newest, ME), ME);
  conversation.takePage(readPage({ ...PRESENT, to: "3", entries: PRESENT.entries.slice(0, 3) }, ME), ME);
  check(conversation);
});

test("a reaction of many names some and counts all", () => {
  const conversation = new Conversation("g.team");
  const users = Array.from({ length: 20 }, (_, i) => `user${i}`);
  const overlay = { seq: "1", changed_seq: "2", reactions: [{ reaction: "🎉", count: 30, users, mine: true }] };
  conversation.takePage(readPage({ from: "1", to: "2", head: "2", entries: [EVENTS[0]], overlays: [overlay] }, ME), ME);
  const react = (seq, sender, remove) =>
    conversation.takeEntry(readEntry(wire(seq, sender, { react: { ...of(1), reaction: "🎉", remove } })), ME);
  assert.ok(conversation.message(1).state.reactions[0].users.includes(ME));
  react(3, ME, true);
  react(4, "zoe", false);
  react(5, "zed", true);
  const [{ count, users: named }] = conversation.message(1).state.reactions;
  assert.equal(count, 29);
  assert.ok(!named.includes(ME));
});

test("what is said of a body that has no text", () => {
  const said = (body) => words(readEntry(wire(1, "bob", body)), (user) => user);
  assert.equal(said({ image: { file: "f-1", name: "cat.png", size: "48213" } }), "[Image] cat.png (48.2 KB)");
  assert.equal(said({ voice: { file: "f-2", duration_ms: 4_200 } }), "[Voice message] (0:04)");
  assert.equal(said({ file: { url: "https://example.org/r.pdf" } }), "[File] https://example.org/r.pdf");
  assert.equal(said({ location: { latitude: 1.5, longitude: 2 } }), "[Location] 1.5, 2");
  assert.equal(said({ contact: { user: "carol" } }), "[Contact] carol");
  assert.equal(said({ merged: { title: "Then", messages: [{ sender: "carol", body: { text: "hi" } }] } }), "[Messages] Then\ncarol: hi");
  assert.equal(said({ custom: { type: "poll", json: "{}" } }), "[poll]");
  assert.equal(said({ hologram: {} }), "[a message that this page cannot show]");
});

test("an expired message is told by the server, or by the clock", () => {
  const read = (body) => readEntry({ seq: "1", sender: "bob", time: "5000", body });
  const expired = read({ expiry: { after_seconds: 60, time: "65000", expired: true } });
  assert.ok(isExpired(expired, 0));
  assert.equal(words(expired, (user) => user), "A message of bob has expired");
  const told = read({ text: "secret", expiry: { after_seconds: 60, time: "9000" } });
  assert.deepEqual([8_999, 9_000].map((now) => isExpired(told, now)), [false, true]);
  const own = read({ text: "secret", expiry: { after_seconds: 60 } });
  assert.deepEqual([64_999, 65_000].map((now) => isExpired(own, now)), [false, true]);
  assert.equal(isExpired(read({ text: "plain" }), 1e15), false);
});
