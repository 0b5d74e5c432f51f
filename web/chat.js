// The state of the chat: what the server says comes in, what the user does goes out. Knows nothing of the screen.
//
// ```
// socket ─► take(name, content) ─► conversations ─► changed() ─► views
// views ─► open, say, read … ─► frames ─► socket
// ```

import { changeOf, endOf, isMessage } from "./changes.js";
import { Conversation, TYPING_SHOWN_MS } from "./conversation.js";
import { GoingOut } from "./going-out.js";
import { newMessageId } from "./ids.js";
import { readEntry, readPage } from "./log.js";
import { LookUps } from "./look-ups.js";
import { Own } from "./own.js";
import { Reading } from "./reading.js";
import { Sync } from "./sync.js";

const PAGE_ENTRIES = 50;
// A hole wider than this is not filled: the newest page is read instead.
const HOLE_MAX = 200;
// How long an entry that came too early waits for its predecessors before they are fetched.
const HOLE_PATIENCE_MS = 300;
// For the answer to a `fetch`.
const FETCH_TIMEOUT_MS = 10_000;
const NAMES_DELAY_FIRST_MS = 200;
const NAMES_DELAY_MAX_MS = 30_000;
const TYPING_EVERY_MS = 3_000;
const OPEN_MAX = 200;
const KEPT_ENTRIES = 200;
const END_PLANNED_MS = 86_400_000;
const GROUP_SHOWN_MS = 1_200;

export class Chat {
  /** By id; conversations without an id yet are in `#drafts`, by peer. */
  #conversations = new Map();
  #drafts = new Map();
  #connection;
  #changed;
  #lookUps;
  #sync = new Sync(() => this.#held());
  #reading = new Reading();
  #out = new GoingOut(() => this.list());
  /** What the user keeps for themselves. */
  own = new Own(() => this.list());
  #fetches = new Map();
  #namesTimer;
  #groupTimer;
  #namesDelay = NAMES_DELAY_FIRST_MS;
  #typingSent = 0;
  /** The conversation on screen. */
  current = null;
  /** Called with the conversation and the entry when somebody says something new. */
  heard = () => {};

  constructor(me, changed, api) {
    this.me = me;
    this.#changed = changed;
    this.#lookUps = new LookUps(api, me, changed);
  }

  attach(connection) {
    this.#connection = connection;
    for (const one of [this.#sync, this.#reading, this.#out, this.own]) one.attach(connection);
  }

  /** Pinned ones first, then newest first. */
  list() {
    const all = [...this.#conversations.values(), ...this.#drafts.values()].filter((one) => !one.left);
    return all.sort((a, b) => Number(b.pinned) - Number(a.pinned) || b.time - a.time);
  }

  /** The others of direct conversations, those first with whom one talks now. */
  others() {
    const peers = [this.current, ...this.list()].map((conversation) => conversation?.peer);
    return [...new Set(peers)].filter((peer) => peer && peer !== this.me);
  }

  /** In all that are not muted. */
  get unread() {
    return this.list().filter((one) => !one.isMuted()).reduce((sum, conversation) => sum + conversation.unread, 0);
  }

  get hasUnsent() {
    return this.list().some((conversation) => conversation.outbox.waiting);
  }

  // ---- what the user does

  open(conversation) {
    if (this.current === conversation) return;
    this.current?.log.trim(KEPT_ENTRIES);
    this.own.keepDrafts();
    this.current = conversation;
    if (conversation) this.own.opened(conversation);
    if (conversation) conversation.newFrom = conversation.unread > 0 ? conversation.readSeq + 1 : 0;
    if (conversation?.id && !conversation.log.loaded) this.#fetchNewest(conversation);
    this.lookUp();
    this.#changed();
  }

  /** The direct conversation with a user, made when the first message is sent. */
  direct(user) {
    const known = [...this.#conversations.values()].find((one) => one.peer === user);
    if (known) return known;
    const draft = this.#drafts.get(user) ?? new Conversation(null, user);
    draft.time ||= Date.now();
    this.#drafts.set(user, draft);
    return draft;
  }

  /** A group that was just made or joined. */
  group(id, name) {
    const conversation = this.#ensure(id);
    conversation.name = name;
    conversation.time ||= Date.now();
    conversation.enter();
    return conversation;
  }

  /** Groups to which the user is invited, those that end first before the others. */
  invitations(now = Date.now()) {
    const invited = [...this.#conversations.values()].filter(({ left, invitation }) => left && invitation?.expires > now);
    return invited.sort((a, b) => a.invitation.expires - b.invitation.expires);
  }

  /** An invitation that the user declined. */
  answered(conversation) {
    conversation.invitation = null;
    this.#changed();
  }

  /** A group that the user just left. */
  left(conversation) {
    conversation.left = true;
    this.#changed();
  }

  /** `beside` is what stands beside the text of a body: `mentions`, `reply_to`. */
  say(conversation, text, beside = {}) {
    const now = Date.now();
    conversation.outbox.add(newMessageId(now), text, now, { text, ...beside });
    conversation.time = now;
    conversation.newFrom = 0;
    this.#typingSent = 0;
    this.#out.flush();
    this.#changed();
  }

  /** `name` is `recall`, `edit`, `react` or `pin`; `content` what its frame says besides which message it is. */
  change(conversation, seq, name, content = {}) {
    const now = Date.now();
    conversation.outbox.change(newMessageId(now), name, { seq: String(seq), ...content }, now);
    this.#out.flush();
    this.#changed();
  }

  /** The message of this seq, asked for unless it is known; `undefined` until then. */
  message(conversation, seq) {
    const known = conversation.message(seq);
    if (!known) this.#lookUps.message(conversation, seq);
    return known;
  }

  retry(conversation, id) {
    conversation.outbox.retry(id);
    this.#out.flush();
    this.#changed();
  }

  discard(conversation, id) {
    conversation.outbox.discard(id);
    this.#changed();
  }

  /** The user confirmed a message. */
  confirmed(conversation, seq) {
    conversation.takeConfirmed(seq);
    this.#changed();
  }

  /** Asks how many confirmed a message, unless that is known. */
  learnConfirmations(conversation, seq) {
    if (!conversation.confirmations.has(seq)) this.#lookUps.confirmations(conversation, seq);
  }

  /** Everything on screen has been seen. */
  read(conversation) {
    const seq = conversation.log.last;
    if (!conversation.id || (seq <= conversation.readSeq && conversation.unread === 0)) return;
    if (!this.#reading.tell(conversation.id, seq)) return;
    conversation.takeRead(seq, seq >= conversation.head ? 0 : conversation.unread);
    this.#changed();
  }

  older(conversation) {
    const { log } = conversation;
    if (!conversation.id || !log.loaded || log.atStart) return;
    this.#fetch(conversation, { from_seq: "1", to_seq: String(log.first - 1), limit: PAGE_ENTRIES, backwards: true });
  }

  typing(conversation) {
    if (!conversation.id || Date.now() - this.#typingSent < TYPING_EVERY_MS) return;
    if (this.#connection.send("typing", { conversation: conversation.id })) this.#typingSent = Date.now();
  }

  isFetching(conversation) {
    return this.#fetches.has(conversation.id);
  }

  // ---- what the server says

  take(name, content) {
    switch (name) {
      case "welcome": return this.#onWelcome();
      case "ack": return this.#onAck(content);
      case "nack": return this.#onNack(content);
      case "event": return this.#onEvent(content);
      case "page": return this.#onPage(content);
      case "delta": return this.#onDelta(content);
      case "head": return this.#onHead(content);
      case "pong": return (content.heads ?? []).forEach((head) => this.#onHead(head));
      case "receipt": return this.#onReceipt(content);
      case "typing": return this.#onTyping(content);
      case "settings": return this.#in(content, (conversation) => this.#onSettings(conversation, content));
      case "invitation": return this.#onInvitation(content);
      case "confirmed": return this.#in(content, (conversation, seq) => this.confirmed(conversation, seq));
      case "confirmations": return this.#in(content, (conversation, seq) => this.#onConfirmations(conversation, seq, content));
      case "too_long": return this.#sync.tooLong();
      case "resync": return this.#sync.ask();
      default: return undefined;
    }
  }

  /** Of what is told of one message of a conversation that is known. */
  #in({ conversation: id, seq }, take) {
    const conversation = this.#conversations.get(id);
    if (conversation) take(conversation, Number(seq));
  }

  /** The socket is gone: what was asked is asked again on the next one. */
  disconnected() {
    for (const { timer } of this.#fetches.values()) clearTimeout(timer);
    this.#fetches.clear();
    for (const one of [this.#sync, this.#reading, this.#out, this.own]) one.stop();
    clearTimeout(this.#namesTimer);
  }

  #onWelcome() {
    // Also the answer to a renewed token, on a socket where nothing was lost.
    if (this.#sync.isAsked) return;
    this.#sync.ask();
    this.#reading.hurry();
    for (const conversation of this.list()) conversation.outbox.hurry();
    this.#out.flush();
    this.own.keepDrafts();
    if (this.current?.id && !this.current.log.loaded) this.#fetchNewest(this.current);
    this.lookUp();
  }

  #onAck(ack) {
    const conversation = this.#holding(ack.client_message_id);
    const message = conversation?.outbox.settle(ack.client_message_id);
    if (!message) return;
    const target = this.#named(conversation, ack.conversation);
    const { seq, time, client_message_id } = ack;
    this.#takeEntry(target, readEntry({ seq, time, client_message_id, sender: this.me, body: bodyOf(message) }));
    this.#out.flush();
  }

  #onNack({ client_message_id: id, code, message, retry_after_ms: retryAfterMs = 0, frame }) {
    if (id) {
      this.#holding(id)?.outbox.refuse(id, code, message, retryAfterMs, Date.now());
      this.#out.plan();
    } else if (frame === "sync") this.#sync.refused(retryAfterMs);
    else if (frame === "read") this.#reading.refused(retryAfterMs);
    else if (frame === "conversation_set") this.own.refused(code, retryAfterMs);
    this.#changed();
  }

  #onEvent(event) {
    const conversation = this.#ensure(event.conversation);
    const entry = readEntry(event);
    if (!conversation.peer && event.conversation.startsWith("d.")) {
      // Nothing but a `delta` says who the other is when the sender is oneself, on another device.
      if (entry.sender !== this.me) this.#adopt(conversation, entry.sender);
      else this.#sync.ask();
    }
    const isNew = entry.seq > conversation.head && entry.sender !== this.me && isMessage(entry);
    this.#takeEntry(conversation, entry);
    if (isNew && !conversation.isMuted()) this.heard(conversation, entry);
  }

  #onPage(content) {
    const conversation = this.#conversations.get(content.conversation);
    if (!conversation) return;
    this.#fetched(conversation);
    const before = conversation.log.last;
    const page = readPage(content, this.me);
    conversation.takePage(page, this.me);
    for (const entry of page.entries) this.#planEnd(entry);
    // A page that brought nothing is not asked for again at once; the next `head` does.
    if (conversation.log.last > before) this.#fillHole(conversation);
    this.#changed();
  }

  #onDelta(delta) {
    this.#sync.answered(delta);
    for (const state of delta.conversations ?? []) {
      const conversation = this.#ensure(state.conversation);
      conversation.takeState(state);
      this.#reading.known(conversation.id, Number(state.read_seq ?? 0));
      if (conversation.peer) this.#adopt(conversation, conversation.peer);
      if (state.last) {
        const last = readEntry(state.last);
        if (last.seq >= (conversation.last?.seq ?? 0)) conversation.last = last;
        conversation.log.push(last);
      }
      this.#fillHole(conversation);
    }
    this.#out.planDelivered();
    if (!this.#sync.next()) this.#planNames();
    this.#changed();
  }

  /** The list follows the log within moments, so a first `delta` may come before it has a new group: it is asked again. */
  #planNames() {
    clearTimeout(this.#namesTimer);
    const nameless = this.list().some((conversation) => conversation.isNameless);
    this.#namesDelay = nameless ? Math.min(2 * this.#namesDelay, NAMES_DELAY_MAX_MS) : NAMES_DELAY_FIRST_MS;
    if (nameless) this.#namesTimer = setTimeout(() => this.#sync.ask(), this.#namesDelay);
  }

  #onHead({ conversation: id, last_seq: seq }) {
    const conversation = this.#conversations.get(id);
    if (!conversation || Number(seq) <= conversation.head) {
      if (conversation) this.#fillHole(conversation);
      return;
    }
    conversation.head = Number(seq);
    // The list must show what is newest and how much is unread, which only a `delta` says.
    this.#sync.ask();
    this.#fillHole(conversation);
  }

  #onReceipt(receipt) {
    const conversation = this.#conversations.get(receipt.conversation);
    if (!conversation) return;
    const [delivered, read] = [receipt.delivered_seq, receipt.read_seq].map((seq) => seq && Number(seq));
    if (receipt.user !== this.me) conversation.takeReceipt(delivered, read, receipt.user);
    else if (read) {
      conversation.takeRead(read, receipt.unread === undefined ? undefined : Number(receipt.unread));
      this.#reading.known(conversation.id, read);
    }
    this.#changed();
  }

  #onConfirmations(conversation, seq, { confirmed = 0, of = 0 }) {
    conversation.takeConfirmations(seq, { confirmed, of });
    this.#changed();
  }

  #onSettings(conversation, settings) {
    conversation.takeSettings(settings);
    this.#changed();
  }

  #onInvitation(invitation) {
    this.#ensure(`g.${invitation.group}`).takeInvitation(invitation);
    this.#changed();
  }

  /** Asks what frames do not tell of the open conversation. */
  lookUp() {
    const conversation = this.current;
    if (!conversation?.id || conversation.left || !this.#connection.online) return;
    this.#lookUps.pins(conversation);
    if (conversation.isGroup) this.#lookUps.group(conversation);
    else if (conversation.peer !== this.me) this.#lookUps.receipts(conversation, (receipt) => this.#onReceipt(receipt));
  }

  /** What happened to the open group shows over HTTP within a second; several changes are looked at once. */
  #planGroupLookUp() {
    clearTimeout(this.#groupTimer);
    this.#groupTimer = setTimeout(() => this.lookUp(), GROUP_SHOWN_MS);
  }

  #onTyping({ conversation: id, user }) {
    const conversation = this.#conversations.get(id);
    if (!conversation || user === this.me) return;
    conversation.takeTyping(user, Date.now());
    setTimeout(this.#changed, TYPING_SHOWN_MS + 50);
    this.#changed();
  }

  // ---- the log

  #takeEntry(conversation, entry) {
    if (conversation.takeEntry(entry, this.me)) {
      if (conversation.log.loaded) setTimeout(() => this.#fillHole(conversation), HOLE_PATIENCE_MS);
      else this.#sync.ask();
    }
    if (conversation !== this.current) conversation.log.trim(KEPT_ENTRIES);
    else if (["pin", "recall", "edit"].includes(changeOf(entry)?.kind)) this.#lookUps.pins(conversation);
    else if (entry.body.system && conversation.isGroup) this.#planGroupLookUp();
    this.#planEnd(entry);
    this.#out.planDelivered();
    this.#changed();
  }

  /** Shows a message as expired when it is; one that has long to go is shown so whenever something else happens. */
  #planEnd(entry) {
    const rest = endOf(entry) - Date.now();
    if (rest > 0 && rest <= END_PLANNED_MS) setTimeout(this.#changed, rest + 50);
  }

  /** Fetches what lies between what is held and the head. */
  #fillHole(conversation) {
    const { log, head } = conversation;
    if (!log.loaded || log.last >= head) return;
    if (head - log.last > HOLE_MAX) this.#fetchNewest(conversation);
    else this.#fetch(conversation, { from_seq: String(log.last + 1), to_seq: "0", limit: HOLE_MAX });
  }

  #fetchNewest(conversation) {
    this.#fetch(conversation, { from_seq: "1", to_seq: "0", limit: PAGE_ENTRIES, backwards: true });
  }

  /** One at a time for each conversation; what is still missing afterwards is asked for then. */
  #fetch(conversation, interval) {
    const { id } = conversation;
    if (this.#fetches.has(id) || !this.#connection.send("fetch", { conversation: id, ...interval })) return;
    const timer = setTimeout(() => {
      this.#fetches.delete(id);
      if (!conversation.log.loaded && this.current === conversation) this.#fetchNewest(conversation);
      else this.#fillHole(conversation);
      this.#changed();
    }, FETCH_TIMEOUT_MS);
    this.#fetches.set(id, { timer });
  }

  #fetched(conversation) {
    clearTimeout(this.#fetches.get(conversation.id)?.timer);
    this.#fetches.delete(conversation.id);
  }

  /** The logs that are held, as `sync` names them. */
  #held() {
    const held = this.list().filter((conversation) => conversation.id && conversation.log.loaded).slice(0, OPEN_MAX);
    return held.map(({ id, log }) => ({ conversation: id, seq: String(log.last) }));
  }

  // ---- which conversation

  #ensure(id) {
    let conversation = this.#conversations.get(id);
    if (!conversation) {
      conversation = new Conversation(id);
      this.#conversations.set(id, conversation);
    }
    return conversation;
  }

  /** Now that it is known who the other is, a draft with them becomes this conversation. */
  #adopt(conversation, peer) {
    conversation.peer = peer;
    const draft = this.#drafts.get(peer);
    if (!draft) return;
    this.#drafts.delete(peer);
    conversation.outbox = draft.outbox;
    conversation.draft = draft.draft;
    conversation.options = draft.options;
    if (this.current !== draft) return;
    this.current = conversation;
    this.#fetchNewest(conversation);
  }

  /** The conversation that an ack names, for a draft whose first message it was. */
  #named(conversation, id) {
    if (conversation.id) return conversation;
    const named = this.#ensure(id);
    this.#adopt(named, conversation.peer);
    return named;
  }

  #holding(messageId) {
    return this.list().find(({ outbox }) => outbox.messages.some(({ id }) => id === messageId));
  }
}

/** The body of the entry that an own message or change became. */
function bodyOf({ name, content }) {
  if (name === "send") return content.body;
  const { seq, ...change } = content;
  return { [name]: { message: { seq }, ...change } };
}
