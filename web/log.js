// The part of a conversation's log that the page holds: an interval without holes, and what came too early for it.
//
// The rule of docs/PROTOCOL.md: the next seq is applied, a known one dropped, a later one kept until the hole is filled.
// Change entries are held like all others, and applied to the messages that they name.

import { apply, changeOf, readOverlay, unchanged } from "./changes.js";

// Entries that came too early; beyond it the newest page is fetched anew, which is simpler than a patchwork.
const EARLY_MAX = 500;

export class Log {
  /** Whether anything was read yet. Until then nothing is applied. */
  loaded = false;
  /** The interval of seqs held; `last` is 0 when the conversation is empty. */
  first = 1;
  last = 0;
  entries = [];
  #early = new Map();

  get atStart() {
    return this.loaded && this.first <= 1;
  }

  get hasHole() {
    return this.#early.size > 0;
  }

  /** The entry of this seq, if it is held. */
  find(seq) {
    return this.entries.findLast((entry) => entry.seq === seq);
  }

  /** Takes a pushed entry. Says `applied`, `known`, `early` (there is a hole) or `unloaded`. */
  push(entry) {
    if (!this.loaded) return "unloaded";
    if (entry.seq <= this.last) return "known";
    if (entry.seq > this.last + 1) {
      if (this.#early.size < EARLY_MAX) this.#early.set(entry.seq, entry);
      return "early";
    }
    this.#append(entry);
    this.#takeEarly();
    return "applied";
  }

  /** Takes a page: all visible entries of `from..=to`, which is empty when `to < from`. */
  take({ from, to, entries }) {
    if (to < from) {
      this.loaded = true;
      // Nothing is visible below what is held, or there is nothing at all.
      if (to < this.first) this.first = 1;
      return;
    }
    if (!this.loaded || from > this.last + 1) {
      this.loaded = true;
      this.first = from;
      this.last = to;
      this.entries = entries;
    } else if (to >= this.first - 1) {
      const known = new Map(entries.map((entry) => [entry.seq, entry]));
      this.entries = [
        ...entries.filter((entry) => entry.seq < this.first),
        ...this.entries.map((held) => newer(held, known.get(held.seq))),
        ...entries.filter((entry) => entry.seq > this.last),
      ];
      this.first = Math.min(this.first, from);
      this.last = Math.max(this.last, to);
    }
    this.#applyAll();
    this.#takeEarly();
  }

  /** Forgets all but the newest entries, so that a page left open does not grow for ever. */
  trim(keep) {
    if (this.entries.length <= keep) return;
    this.entries = this.entries.slice(-keep);
    this.first = this.entries[0].seq;
  }

  #append(entry) {
    this.entries.push(entry);
    this.last = entry.seq;
    const message = this.find(changeOf(entry)?.seq);
    if (message) apply(message, entry);
  }

  /** A page was perhaps read before some of the changes that are held. */
  #applyAll() {
    const held = new Map(this.entries.map((entry) => [entry.seq, entry]));
    for (const entry of this.entries) {
      const message = held.get(changeOf(entry)?.seq);
      if (message) apply(message, entry);
    }
  }

  #takeEarly() {
    for (const seq of [...this.#early.keys()].sort((a, b) => a - b)) {
      if (seq > this.last + 1) return;
      const entry = this.#early.get(seq);
      this.#early.delete(seq);
      if (seq === this.last + 1) this.#append(entry);
    }
  }
}

/** Of what is held of a message and what a page has of it, what more changes are in. */
const newer = (held, fetched) => (fetched?.state?.changedSeq > (held.state?.changedSeq ?? 0) ? fetched : held);

/** An event or history entry of the wire, with numbers for numbers. Seqs stay far below 2^53; message ids do not matter here. */
export function readEntry(event, state = unchanged()) {
  return {
    seq: Number(event.seq),
    sender: event.sender,
    time: Number(event.time),
    body: event.body ?? {},
    clientMessageId: event.client_message_id,
    state,
  };
}

/** Entries with what their overlays say became of them. */
export function readEntries(events = [], overlays = [], me) {
  const states = new Map(overlays.map((overlay) => [Number(overlay.seq), readOverlay(overlay, me)]));
  return events.map((event) => readEntry(event, states.get(Number(event.seq))));
}

export function readPage(page, me) {
  const entries = readEntries(page.entries, page.overlays, me);
  return { from: Number(page.from ?? 0), to: Number(page.to ?? 0), head: Number(page.head ?? 0), entries };
}
