// A line of the list: what is unread, however pushed entries and states told by a `delta` cross each other.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversation } from "../conversation.js";

const ME = "alice";
const entry = (seq, sender = "bob", body = { text: `m${seq}` }) => ({ seq, sender, time: seq, body });
const change = (seq, kind, users) => entry(seq, "bob", { system: { [kind]: { users } } });

test("a state that is older than what was pushed does not take it back", () => {
  const group = new Conversation("g.team");
  group.takeEntry(entry(4), ME);
  group.takeState({ head: "3", unread: "2", read_seq: "1", name: "Team" });
  assert.deepEqual([group.head, group.unread], [4, 3]);
  group.takeState({ head: "4", unread: "3", read_seq: "1" });
  assert.equal(group.unread, 3);
});

test("a state that is older than what was read here does not bring it back", () => {
  const direct = new Conversation("d.alice.bob", "bob");
  direct.takeEntry(entry(1), ME);
  direct.takeEntry(entry(2), ME);
  direct.takeRead(2, 0);
  direct.takeState({ head: "2", unread: "2", peer: "bob" });
  assert.equal(direct.unread, 0);
  direct.takeEntry(entry(3), ME);
  assert.equal(direct.unread, 1);
});

test("own entries and changes of the group are not unread", () => {
  const group = new Conversation("g.team");
  group.takeEntry(change(1, "added", [ME]), ME);
  group.takeEntry(entry(2, ME), ME);
  assert.equal(group.unread, 0);
});

test("who is removed or leaves is out of the group until added again", () => {
  const group = new Conversation("g.team");
  for (const [seq, kind, users, left] of [[1, "added", [ME], false], [2, "removed", ["carol"], false],
    [3, "removed", [ME], true], [4, "added", ["carol", ME], false], [5, "left", [ME], true]]) {
    group.takeEntry(change(seq, kind, users), ME);
    assert.equal(group.left, left, `${kind} ${users}`);
  }
});

test("readers of a group are counted: by what they said, by what the server tells, and not oneself", () => {
  const group = new Conversation("g.team");
  group.takePage({ from: 1, to: 2, head: 2, entries: [entry(1, ME), entry(2, "carol")] }, ME);
  assert.deepEqual([group.progress(1), group.readers(1)], ["read", 1]);
  group.takeEntry(entry(3, ME), ME);
  group.takeEntry({ ...change(4, "edited"), sender: "bob" }, ME);
  assert.deepEqual([group.progress(3), group.readers(3)], ["sent", 0], "a change of the group reads nothing");
  group.takeReceipt(3, undefined, "bob");
  assert.deepEqual([group.progress(3), group.readers(3)], ["delivered", 0]);
  group.takeReceipt(3, 3, "bob");
  group.takeReceipt(3, 3, "bob");
  group.takeReceipt(undefined, 3, "carol");
  assert.deepEqual([group.progress(3), group.readers(1), group.readers(3)], ["read", 2, 2]);
});

test("what a conversation no longer keeps is not to be seen, whoever set it", () => {
  const conversation = new Conversation("d.alice.bob", "bob");
  const old = { time: 10_000 };
  const isKept = (now) => conversation.isKept(old, now);
  assert.ok(isKept(1e15));
  conversation.takeEntry({ seq: 1, sender: "bob", time: 20_000, body: { system: { retention_set: { seconds: 60 } } } }, "alice");
  assert.deepEqual([69_999, 70_000].map(isKept), [true, false]);
  conversation.takeState({ head: "1", retention_seconds: 3_600 });
  assert.ok(isKept(70_000));
  conversation.takeState({ head: "1" });
  assert.ok(isKept(1e15));
  // The list may be behind what a page says.
  const entries = [entry(3), { ...entry(4), body: { system: { retention_set: { seconds: 60 } } } }];
  conversation.takePage({ from: 3, to: 4, head: 4, entries }, ME);
  conversation.takeState({ head: "3" });
  assert.equal(conversation.retentionSeconds, 60);
});
