// One conversation: a line of the list, the log that the page holds of it, and what is on its way.

import { apply, changeOf, isMessage } from "./changes.js";
import { Log } from "./log.js";
import { Outbox } from "./outbox.js";

export const TYPING_SHOWN_MS = 5_000;
const MANAGERS = ["owner", "admin"];

export class Conversation {
  /** `null` for a direct conversation in which nothing was said yet; the first ack names it. */
  id;
  /** The other user of a direct conversation. */
  peer;
  /** The name of a group. */
  name = "";
  head = 0;
  unread = 0;
  readSeq = 0;
  last = null;
  time = 0;
  left = false;
  log = new Log();
  outbox = new Outbox();
  /** Those of the unread entries that were pushed. */
  #unreadSeqs = [];
  #peerRead = 0;
  #peerDelivered = 0;
  /** How far each has read. */
  #readBy = new Map();
  /** Until when each is shown as typing. */
  #typing = new Map();
  /** Up to where the server was told that this device received. */
  deliveredTold = 0;
  /** The first message that was unread when the conversation was opened; 0 for none. */
  newFrom = 0;
  /** For how long entries are kept, as it was set for this conversation; 0: as the server is configured. */
  retentionSeconds = 0;
  #retentionSeq = 0;
  /** What the user keeps for themselves here: see `takeSettings`. */
  pinned = false;
  archived = false;
  markedUnread = false;
  mutedUntil = 0;
  /** The draft that the server keeps, and the one that it was asked to keep and has not answered. */
  keptDraft = "";
  askedDraft = null;
  #settingsChanged = 0;
  /** What is chosen above the composer: after how long what is sent goes by itself (0: never), and whether it is to be confirmed. */
  options = { isOpen: false, expirySeconds: 0, mustConfirm: false };
  /** What is to be said and was not sent yet. */
  draft = "";
  /** What the composer is for, besides a new message: `{ kind: "reply", seq }` or `{ kind: "edit", seq, text }`. */
  composing = null;
  /** Pinned messages, as last asked. */
  pins = [];
  /** Of a group, as last asked: the role that the user has in it, and how many members there are. */
  role = "";
  members = 0;
  /** How one joins the group, and who waits to be let in, as those see it who manage it. */
  join = "open";
  requests = [];
  /** That the user, who is not in this group, may join it: `{ by, expires }`. */
  invitation = null;
  /** Messages that wait for the user's confirmation, those that were confirmed from here, and how many confirmed. */
  confirmSeqs = new Set();
  confirmedSeqs = new Set();
  confirmations = new Map();
  /** Messages that others answer, by seq, that the log does not hold. */
  quoted = new Map();

  constructor(id, peer = null) {
    this.id = id;
    this.peer = peer;
  }

  get isGroup() {
    return this.peer === null;
  }

  /** The id of a group, as HTTP names it. */
  get group() {
    return this.id.slice("g.".length);
  }

  /** Whether the user keeps the group in order. */
  get isManaged() {
    return this.isGroup && MANAGERS.includes(this.role);
  }

  /** Whether only a `delta` can say what this conversation is called, and none has yet. */
  get isNameless() {
    return this.peer === null && this.name === "";
  }

  /** Takes the state that a `delta` tells. */
  takeState(state) {
    this.head = Math.max(this.head, Number(state.head ?? 0));
    this.readSeq = Math.max(this.readSeq, Number(state.read_seq ?? 0));
    this.#takeUnread(Number(state.unread ?? 0), Number(state.head ?? 0));
    this.time = Math.max(this.time, Number(state.time ?? 0));
    if (state.name) this.name = state.name;
    if (state.peer) this.peer = state.peer;
    this.left = state.left === true;
    if (state.settings) this.takeSettings(state.settings);
    this.#takeRetention(Number(state.retention_seconds ?? 0), Number(state.head ?? 0));
    this.takeInvitation(state.invitation);
    const later = [...this.confirmSeqs].filter((seq) => seq > Number(state.head ?? 0));
    this.confirmSeqs = new Set([...(state.confirm_seqs ?? []).map(Number), ...later].filter((seq) => !this.confirmedSeqs.has(seq)));
  }

  /** The user confirmed a message, here or on another device. */
  takeConfirmed(seq) {
    this.confirmSeqs.delete(seq);
    this.confirmedSeqs.add(seq);
  }

  /** How many have confirmed a message: `{ confirmed, of }`. */
  takeConfirmations(seq, count) {
    this.confirmations.set(seq, count);
  }

  /** What was set at a place of the log; lists may be behind it. */
  #takeRetention(seconds, seq) {
    if (seq < this.#retentionSeq) return;
    this.#retentionSeq = seq;
    this.retentionSeconds = seconds;
  }

  /** Whether the user wants to hear nothing from here for a while. */
  isMuted(now = Date.now()) {
    return now < this.mutedUntil;
  }

  /** Takes what the user keeps for themselves, as the server has it; of two the later counts. */
  takeSettings({ changed = 0, pinned = false, archived = false, marked_unread: markedUnread = false, muted_until: until = 0, draft: kept = "" }) {
    // As the composer has its lines.
    const draft = kept.replaceAll(/\r\n?/gu, "\n");
    // What is written here and not kept yet is newer, and so is what became of it since it was to be kept.
    const isNewer = this.askedDraft !== null || this.draft !== this.keptDraft;
    if (draft === this.askedDraft) this.askedDraft = null;
    if (Number(changed) < this.#settingsChanged) return;
    this.#settingsChanged = Number(changed);
    Object.assign(this, { pinned, archived, markedUnread, mutedUntil: Number(until) });
    if (!isNewer) this.draft = draft;
    this.keptDraft = draft;
  }

  /** What the composer holds. */
  get written() {
    return this.composing?.kind === "edit" ? this.composing.text : this.draft;
  }

  set written(text) {
    if (this.composing?.kind === "edit") this.composing.text = text;
    else this.draft = text;
  }

  /** Whether an entry is still to be seen. */
  isKept({ time }, now = Date.now()) {
    return this.retentionSeconds === 0 || time > now - this.retentionSeconds * 1000;
  }

  /** Takes the invitation that there is now, if any. */
  takeInvitation(invitation) {
    const expires = Number(invitation?.expires ?? 0);
    this.invitation = expires > 0 ? { by: invitation.by, expires } : null;
    if (invitation?.name) this.name = invitation.name;
    // A group that one is only invited to is in no list.
    if (this.invitation && this.head === 0) this.left = true;
  }

  /** The user is in this group now. */
  enter() {
    this.left = false;
    this.invitation = null;
  }

  /** Counts what was pushed after the state was read; what was read here meanwhile is not unread. */
  #takeUnread(unread, upTo) {
    this.#unreadSeqs = this.#unreadSeqs.filter((seq) => seq > upTo);
    this.unread = (upTo <= this.readSeq ? 0 : unread) + this.#unreadSeqs.length;
  }

  /** Takes an entry, pushed or acknowledged. Says whether there is a hole before it. */
  takeEntry(entry, me) {
    const missed = entry.seq > this.head + 1;
    if (entry.seq > this.head) {
      this.head = entry.seq;
      this.last = entry;
      this.time = entry.time;
      if (!isMessage(entry)) this.#passRead(entry.seq);
      else if (entry.sender === me) this.takeRead(entry.seq, 0);
      else {
        this.unread += 1;
        this.#unreadSeqs.push(entry.seq);
        if (entry.body.must_confirm) this.confirmSeqs.add(entry.seq);
      }
    }
    if (entry.clientMessageId) this.outbox.settle(entry.clientMessageId);
    this.#typing.delete(entry.sender);
    this.#sayingIsReading(entry, me);
    this.#takeChange(entry, me);
    // A conversation that begins with this entry is held whole.
    if (!this.log.loaded && entry.seq === 1) this.log.take({ from: 1, to: 0, entries: [] });
    const log = this.log.push(entry);
    const change = changeOf(entry);
    if (change?.kind === "recall") this.confirmSeqs.delete(change.seq);
    const quoted = this.quoted.get(change?.seq);
    if (quoted) apply(quoted, entry);
    return log === "early" || (log === "unloaded" && missed);
  }

  /** What an entry changes about the conversation itself. */
  #takeChange({ seq, sender, body: { system } }, me) {
    if (!system || seq < this.head) return;
    const name = system.created?.name ?? system.edited?.name;
    if (name) this.name = name;
    if (system.retention_set) this.#takeRetention(Number(system.retention_set.seconds ?? 0), seq);
    const concerns = (change) => change && (change.users?.includes(me) ?? sender === me);
    if (concerns(system.left) || concerns(system.removed)) this.left = true;
    const came = [system.joined, system.added, system.join_approved];
    if (came.some(concerns) || system.joined_by_link?.user === me) this.enter();
  }

  /** Takes a page of the log, and what it says about the newest entry. */
  takePage(page, me) {
    this.head = Math.max(this.head, page.head);
    this.log.take(page);
    const newest = this.log.entries.at(-1);
    if (newest && newest.seq >= (this.last?.seq ?? 0)) this.last = newest;
    for (const entry of page.entries) {
      this.outbox.settle(entry.clientMessageId);
      this.#sayingIsReading(entry, me);
      const { retention_set: set } = entry.body.system ?? {};
      if (set) this.#takeRetention(Number(set.seconds ?? 0), entry.seq);
    }
  }

  /** Whoever says something has read what was said before; the server tells no receipt of that. */
  #sayingIsReading(entry, me) {
    const another = this.isGroup ? entry.sender !== me : entry.sender === this.peer;
    if (another && isMessage(entry)) this.takeReceipt(entry.seq, entry.seq, entry.sender);
  }

  /** Nothing new to read: where everything was read, everything still is. */
  #passRead(seq) {
    if (this.unread === 0 && this.readSeq === seq - 1) this.readSeq = seq;
  }

  /** The message of this seq, in the log or beside it, if it is known. */
  message(seq) {
    return this.log.find(seq) ?? this.quoted.get(seq);
  }

  /** The user has read up to here, on this device or another. */
  takeRead(seq, unread) {
    if (seq < this.readSeq) return;
    this.readSeq = seq;
    this.#unreadSeqs = this.#unreadSeqs.filter((one) => one > seq);
    if (unread !== undefined) this.unread = unread;
  }

  /** How far another is: in a direct conversation the other, in a group one of its members. */
  takeReceipt(delivered = 0, read = 0, user = this.peer) {
    this.#readBy.set(user, Math.max(this.#readBy.get(user) ?? 0, read));
    this.#peerRead = Math.max(this.#peerRead, read);
    this.#peerDelivered = Math.max(this.#peerDelivered, delivered, read);
  }

  /** Whether somebody is known to have read an entry. */
  hasRead(user, seq) {
    return (this.#readBy.get(user) ?? 0) >= seq;
  }

  /** How many are known to have read an own entry. */
  readers(seq) {
    return [...this.#readBy.values()].filter((read) => read >= seq).length;
  }

  /** What became of an own entry: `sent`, and `delivered` and `read` by anybody else. */
  progress(seq) {
    if (seq <= this.#peerRead) return "read";
    return seq <= this.#peerDelivered ? "delivered" : "sent";
  }

  takeTyping(user, now) {
    this.#typing.set(user, now + TYPING_SHOWN_MS);
  }

  typing(now) {
    for (const [user, until] of this.#typing) if (until <= now) this.#typing.delete(user);
    return [...this.#typing.keys()];
  }
}
