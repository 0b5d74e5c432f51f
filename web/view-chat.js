// The open conversation: its messages with their ticks, between its head and the composer.

import { changeOf, isExpired, unchanged } from "./changes.js";
import { byId, element, reconcile, setText } from "./dom.js";
import { day, hue, initials, isSameDay, presenceWords, words } from "./format.js";
import { Composer } from "./view-composer.js";
import { confirmation } from "./view-confirmations.js";
import { Menu } from "./view-menu.js";
import { changing, makeFailed, makeFailedChange, makeMessage, showChanging, showTimeLeft, shown } from "./view-message.js";

// How near to an end, in pixels, counts as being there.
const NEAR = 80;
// How many pages of older messages are read to show one that another answers.
const SEEK_PAGES_MAX = 40;
const POINTED_AT_MS = 1_600;
// Messages of one sender within this time stand together.
const TOGETHER_MS = 5 * 60_000;

export class ChatView {
  #chat;
  #names;
  #presence;
  #title;
  #shown = null;
  #messages = byId("messages");
  #composer;
  #menu;
  #atEnd = true;
  /** Whether it is still to be decided where to begin reading. */
  #beginning = false;
  /** A message to bring into sight: `{ seq, pages }`. */
  #sought = null;
  #counting;

  constructor(chat, names, presence, readers, title) {
    this.#chat = chat;
    this.#names = names;
    this.#presence = presence;
    this.#title = title;
    this.#messages.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#atEnd && this.#toEnd()).observe(this.#messages);
    byId("to-newest").addEventListener("click", () => this.#toEnd());
    byId("to-confirm").addEventListener("click", () => this.#seek(Math.min(...this.#shown.confirmSeqs)));
    this.#composer = new Composer(chat, names, () => {
      this.#atEnd = true;
    });
    this.#menu = new Menu(chat, names, this.#composer, readers, (seq) => this.#seek(seq));
    document.addEventListener("visibilitychange", () => this.#readIfSeen());
    addEventListener("focus", () => this.#readIfSeen());
  }

  render() {
    const conversation = this.#chat.current;
    byId("no-chat").hidden = conversation !== null;
    byId("open-chat").hidden = conversation === null;
    if (conversation === null) {
      this.#shown = null;
      // What is not looked at is not kept up to date, and may be recalled.
      this.#messages.replaceChildren();
      return;
    }
    if (conversation !== this.#shown) this.#begin(conversation);
    this.#renderHead(conversation);
    this.#composer.render(conversation);
    this.#menu.render(conversation);
    const { scrollTop, scrollHeight } = this.#messages;
    const first = this.#messages.querySelector("[data-seq]");
    reconcile(this.#messages, this.#items(conversation), (item) => this.#make(item), showChanging);
    if (this.#beginning && conversation.log.loaded) this.#beginReading();
    else if (this.#atEnd) this.#toEnd();
    else if (first?.isConnected && first !== this.#messages.querySelector("[data-seq]")) {
      // Older messages came above: what is on screen stays where it is.
      this.#messages.scrollTop = scrollTop + this.#messages.scrollHeight - scrollHeight;
    }
    this.#renderToNewest();
    this.#showSought();
    this.#countDown();
    this.#readIfSeen();
    this.#readOlderIfNear();
  }

  /** How long those have that go by themselves; each second as long as there are any. */
  #countDown() {
    clearTimeout(this.#counting);
    const going = this.#messages.querySelectorAll(".left");
    for (const one of going) showTimeLeft(one);
    if (going.length > 0) this.#counting = setTimeout(() => this.#countDown(), 1_000);
  }

  #begin(conversation) {
    this.#shown = conversation;
    this.#messages.replaceChildren();
    this.#atEnd = true;
    this.#beginning = true;
    this.#sought = null;
    this.#composer.begin(conversation);
  }

  #renderHead(conversation) {
    const title = this.#title(conversation);
    setText(byId("chat-name"), title);
    const avatar = byId("chat-avatar");
    setText(avatar, initials(title));
    avatar.dataset.hue = hue(conversation.peer ?? conversation.id);
    const there = this.#presence.of(conversation.peer);
    avatar.dataset.presence = there.state;
    const typing = conversation.typing(Date.now()).map((user) => this.#names.of(user));
    const { members } = conversation;
    let note = "";
    if (conversation.isGroup) note = members > 0 ? `${members} ${members > 1 ? "members" : "member"}` : "Group";
    if (typing.length > 0) note = `${typing.join(", ")} ${typing.length > 1 ? "are" : "is"} typing…`;
    else if (!conversation.log.loaded && conversation.id) note = "Loading…";
    if (conversation.left) note = "You are no longer a member.";
    setText(byId("chat-note"), note);
    const { size: waiting } = conversation.confirmSeqs;
    byId("to-confirm-bar").hidden = waiting === 0;
    setText(byId("to-confirm"), waiting === 1 ? "A message waits for your confirmation" : `${waiting} messages wait for your confirmation`);
    setText(byId("chat-presence"), note ? "" : presenceWords(there));
  }

  #renderToNewest() {
    const button = byId("to-newest");
    button.hidden = this.#atEnd;
    setText(button, this.#shown.unread > 0 ? "New messages ↓" : "Newest ↓");
  }

  /** Day lines, entries and what is on its way, oldest first. */
  #items(conversation) {
    const items = [];
    let before;
    // Only where what was read is above.
    let isDivided = conversation.log.first > conversation.newFrom;
    for (const entry of conversation.log.entries) {
      if (changeOf(entry) || !conversation.isKept(entry)) continue;
      if (!before || !isSameDay(before.time, entry.time)) {
        const shown = day(entry.time);
        items.push({ key: `day ${new Date(entry.time).toDateString()}`, version: shown, day: shown });
      }
      if (conversation.newFrom > 0 && entry.seq >= conversation.newFrom && !isDivided) {
        isDivided = true;
        items.push({ key: "unread", version: "", unread: true });
      }
      items.push(this.#entryItem(conversation, entry, before));
      before = entry;
    }
    for (const message of conversation.outbox.messages) {
      const { id: key, time, state, problem } = message;
      if (state === "failed") items.push({ key, version: `failed ${problem}`, conversation, message });
      else if (message.name === "send") {
        const said = { sender: this.#chat.me, body: message.content.body, state: unchanged() };
        items.push({ ...this.#messageItem(conversation, said), key, time, ...changing({ time, body: said.body }, null, "sending") });
      }
    }
    return items;
  }

  #entryItem(conversation, entry, before) {
    const { seq, sender, time, body, state } = entry;
    if (body.system || state.recalled || isExpired(entry)) {
      const text = words(entry, (user) => this.#names.of(user));
      return { key: `seq ${seq}`, version: text, seq: String(seq), line: text };
    }
    const own = sender === this.#chat.me;
    const item = { ...this.#messageItem(conversation, entry, before), seq: String(seq), time };
    const confirming = confirmation(entry, conversation, this.#chat.me);
    if (confirming?.kind === "counted") this.#chat.learnConfirmations(conversation, seq);
    if (!own) return { ...item, key: `seq ${seq}`, ...changing(entry, confirming) };
    // An own message keeps the key and the element that it had on its way: only the tick changes, and nothing is read
    // aloud again.
    const key = entry.clientMessageId ?? `seq ${seq}`;
    const readers = conversation.isGroup ? conversation.readers(seq) : 0;
    return { ...item, key, ...changing(entry, confirming, conversation.progress(seq), readers) };
  }

  #messageItem(conversation, entry, before) {
    const own = entry.sender === this.#chat.me;
    const together = before && !before.body.system && !before.state.recalled && before.sender === entry.sender
      && entry.time - before.time < TOGETHER_MS && isSameDay(before.time, entry.time);
    const name = own || !conversation.isGroup || together ? "" : this.#names.of(entry.sender);
    const it = shown(entry, { chat: this.#chat, conversation, names: this.#names });
    return { own, name, sender: entry.sender, shown: it, version: JSON.stringify([name, it]) };
  }

  #make(item) {
    if (item.day) return element("div", { class: "day" }, element("span", {}, item.day));
    if (item.unread) return element("div", { id: "unread-from" }, element("span", {}, "New"));
    if (item.line !== undefined) return element("div", { class: "system", "data-seq": item.seq }, item.line);
    if (!item.message) return makeMessage(item);
    const { conversation, message } = item;
    const discard = () => this.#chat.discard(conversation, message.id);
    if (message.name !== "send") return makeFailedChange(item, discard);
    return makeFailed(item, () => this.#chat.retry(conversation, message.id), discard);
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#messages;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#shown) this.#renderToNewest();
    this.#readIfSeen();
    this.#readOlderIfNear();
  }

  #toEnd() {
    this.#messages.scrollTop = this.#messages.scrollHeight;
  }

  /** Where what is unread begins, if that is above what fits on the screen; otherwise at the end. */
  #beginReading() {
    this.#beginning = false;
    this.#toEnd();
    const divider = byId("unread-from");
    const above = divider ? divider.getBoundingClientRect().top - this.#messages.getBoundingClientRect().top : 0;
    if (above >= 0) return;
    this.#messages.scrollTop += above - NEAR;
    this.#atEnd = false;
  }

  #seek(seq) {
    this.#sought = { seq, pages: 0 };
    this.#showSought();
  }

  /** Brings the sought message into sight; one further up is read first. */
  #showSought() {
    if (!this.#sought || this.#chat.isFetching(this.#shown)) return;
    const { seq, pages } = this.#sought;
    const found = this.#messages.querySelector(`:scope > [data-seq="${seq}"]`);
    if (!found && this.#shown.log.first > seq && pages < SEEK_PAGES_MAX) {
      this.#sought.pages += 1;
      this.#chat.older(this.#shown);
      return;
    }
    this.#sought = null;
    if (!found) return;
    this.#atEnd = false;
    found.scrollIntoView({ block: "center" });
    found.classList.add("pointed-at");
    setTimeout(() => found.classList.remove("pointed-at"), POINTED_AT_MS);
  }

  /** What is on screen, in a window that is looked at, has been read. */
  #readIfSeen() {
    const conversation = this.#shown;
    if (conversation && conversation === this.#chat.current && this.#atEnd && document.visibilityState === "visible"
      && document.hasFocus() && this.#messages.offsetParent !== null) this.#chat.read(conversation);
  }

  #readOlderIfNear() {
    if (this.#shown && this.#messages.scrollTop < NEAR * 3 && this.#messages.offsetParent !== null) {
      this.#chat.older(this.#shown);
    }
  }
}
