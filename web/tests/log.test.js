// The interval of a log that the page holds: no holes, nothing twice, nothing out of order.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Log } from "../log.js";

const entry = (seq) => ({ seq, sender: "alice", time: seq, body: { text: `m${seq}` } });
const page = (from, to) => ({ from, to, entries: Array.from({ length: to - from + 1 }, (_, i) => entry(from + i)) });
const seqs = (log) => log.entries.map(({ seq }) => seq);

function loaded(from, to) {
  const log = new Log();
  log.take(page(from, to));
  return log;
}

test("nothing is applied before the first page", () => {
  const log = new Log();
  assert.equal(log.push(entry(7)), "unloaded");
  assert.deepEqual(seqs(log), []);
});

test("the next is applied, a known one dropped, a later one kept until the hole is filled", () => {
  const log = loaded(1, 3);
  assert.equal(log.push(entry(4)), "applied");
  assert.equal(log.push(entry(4)), "known");
  assert.equal(log.push(entry(7)), "early");
  assert.equal(log.push(entry(6)), "early");
  assert.deepEqual(seqs(log), [1, 2, 3, 4]);
  assert.equal(log.push(entry(5)), "applied");
  assert.deepEqual(seqs(log), [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(log.hasHole, false);
});

test("a page fills a hole and takes what came early along", () => {
  const log = loaded(1, 2);
  log.push(entry(6));
  log.take(page(3, 5));
  assert.deepEqual(seqs(log), [1, 2, 3, 4, 5, 6]);
});

test("older pages go in front, overlapping pages add only what is new", () => {
  const log = loaded(50, 60);
  assert.equal(log.atStart, false);
  log.take(page(40, 55));
  log.take(page(58, 62));
  assert.deepEqual(seqs(log), Array.from({ length: 23 }, (_, i) => 40 + i));
  log.take(page(1, 39));
  assert.equal(log.atStart, true);
});

test("a newer page that leaves a hole replaces what is held", () => {
  const log = loaded(1, 10);
  log.take(page(100, 150));
  assert.equal(log.entries[0].seq, 100);
  assert.equal(log.last, 150);
  assert.equal(log.atStart, false);
});

test("a stale page that touches nothing is ignored", () => {
  const log = loaded(100, 150);
  log.take(page(1, 10));
  assert.equal(log.first, 100);
});

test("an empty page says that there is nothing, or nothing older", () => {
  const log = new Log();
  log.take({ from: 1, to: 0, entries: [] });
  assert.equal(log.loaded && log.atStart, true);
  assert.equal(log.push(entry(1)), "applied");

  const late = loaded(5, 9);
  late.take({ from: 5, to: 4, entries: [] });
  assert.equal(late.atStart, true);
});

test("trimming keeps the newest and reads the rest again later", () => {
  const log = loaded(1, 100);
  log.trim(10);
  assert.deepEqual(seqs(log), [91, 92, 93, 94, 95, 96, 97, 98, 99, 100]);
  assert.equal(log.atStart, false);
  log.take(page(41, 90));
  assert.equal(log.entries.length, 60);
});

test("whatever the order of arrival, the log ends whole", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    let state = seed;
    const random = (n) => {
      state = (state * 1103515245 + 12345) % 2147483648;
      return Math.floor((state / 2147483648) * n);
    };
    const log = loaded(1, 5);
    const coming = Array.from({ length: 40 }, (_, i) => i + 6);
    while (coming.length > 0) {
      const [seq] = coming.splice(random(Math.min(6, coming.length)), 1);
      if (random(4) > 0) log.push(entry(seq));
      if (random(5) === 0) log.take(page(log.last + 1, Math.min(45, log.last + 1 + random(8))));
    }
    if (log.last < 45) log.take(page(log.last + 1, 45));
    assert.deepEqual(seqs(log), Array.from({ length: 45 }, (_, i) => i + 1), `seed ${seed}`);
  }
});
