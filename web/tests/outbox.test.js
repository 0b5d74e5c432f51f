// Messages on their way: in order, with the same id, until acknowledged.

import assert from "node:assert/strict";
import { test } from "node:test";

import { newMessageId } from "../ids.js";
import { Outbox } from "../outbox.js";

const BAD_FIELD = 1001;
const PREDECESSOR_MISSING = 1300;
const BUSY = 1400;

function outbox(...texts) {
  const box = new Outbox();
  texts.forEach((text, i) => box.add(`id${i}`, text, 1_000));
  return box;
}
const ids = (frames) => frames.map((frame) => frame.client_message_id);

test("sends go out in order, each naming the one before it", () => {
  const [one, two, three] = outbox("a", "b", "c").due(1_000);
  assert.deepEqual([one.after, two.after, three.after], [undefined, "id0", "id1"]);
  assert.deepEqual([one.attempt, one.age_ms, one.body.text], [0, "0", "a"]);
});

test("nothing is due twice until its time has passed, then with the same id and a higher attempt", () => {
  const box = outbox("a");
  box.due(1_000);
  assert.deepEqual(box.due(1_001), []);
  const [again] = box.due(box.nextDueAt);
  assert.deepEqual([again.client_message_id, again.attempt, again.age_ms], ["id0", 1, "3000"]);
});

test("a new socket makes everything due at once", () => {
  const box = outbox("a", "b");
  box.due(1_000);
  box.hurry();
  assert.deepEqual(ids(box.due(1_001)), ["id0", "id1"]);
});

test("what is acknowledged is gone, and no longer named", () => {
  const box = outbox("a", "b");
  assert.equal(box.settle("id0").text, "a");
  assert.equal(box.settle("id0"), undefined);
  assert.equal(box.due(1_000)[0].after, undefined);
});

test("a temporary refusal is tried again after the advice", () => {
  const box = outbox("a");
  box.due(1_000);
  box.refuse("id0", BUSY, "busy", 5_000, 1_000);
  assert.ok(box.nextDueAt >= 6_000);
  assert.equal(box.waiting, true);
});

test("a missing predecessor goes again, before the one that missed it", () => {
  const box = outbox("a", "b");
  box.due(1_000);
  box.refuse("id1", PREDECESSOR_MISSING, "", 0, 1_000);
  assert.deepEqual(ids(box.due(1_001)), ["id0", "id1"]);
});

test("a final refusal waits for the user, and does not hold up the next", () => {
  const box = outbox("a", "b");
  box.due(1_000);
  box.refuse("id0", BAD_FIELD, "too long", 0, 1_000);
  assert.equal(box.messages[0].problem, "too long");
  box.hurry();
  const [next] = box.due(2_000);
  assert.deepEqual([next.client_message_id, next.after], ["id1", undefined]);
  box.retry("id0");
  assert.deepEqual(ids(box.due(2_000)), ["id0"]);
});

test("message ids are UUIDs of version 7 that sort by time", () => {
  const [early, late] = [newMessageId(1_790_000_000_000), newMessageId(1_790_000_000_001)];
  assert.match(early, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(early < late);
  assert.equal(Number.parseInt(early.replaceAll("-", "").slice(0, 12), 16), 1_790_000_000_000);
});
