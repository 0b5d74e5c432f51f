// The open conversation: its messages with their ticks, and the composer.

import { byId, element, reconcile, setText } from "./dom.js";
import { clock, day, hue, initials, isSameDay, words } from "./format.js";

// How near to an end, in pixels, counts as being there.
const NEAR = 80;
// Messages of one sender within this time stand together.
const TOGETHER_MS = 5 * 60_000;
const TICKS = {
  sending: ["…", "sending"],
  sent: ["✓", "sent"],
  delivered: ["✓✓", "delivered"],
  read: ["✓✓", "read"],
};

export class ChatView {
  #chat;
  #names;
  #title;
  #shown = null;
  #messages = byId("messages");
  #draft = byId("draft");
  #atEnd = true;

  constructor(chat, names, title) {
    this.#chat = chat;
    this.#names = names;
    this.#title = title;
    this.#messages.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#atEnd && this.#toEnd()).observe(this.#messages);
    byId("to-newest").addEventListener("click", () => this.#toEnd());
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#draft.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
    this.#draft.addEventListener("input", () => this.#typed());
    document.addEventListener("visibilitychange", () => this.#readIfSeen());
    addEventListener("focus", () => this.#readIfSeen());
  }

  render() {
    const conversation = this.#chat.current;
    byId("no-chat").hidden = conversation !== null;
    byId("open-chat").hidden = conversation === null;
    if (conversation === null) {
      this.#shown = null;
      return;
    }
    if (conversation !== this.#shown) this.#begin(conversation);
    this.#renderHead(conversation);
    const { scrollTop, scrollHeight } = this.#messages;
    const first = this.#messages.querySelector("[data-seq]");
    reconcile(this.#messages, this.#items(conversation), (item) => this.#make(item));
    if (this.#atEnd) this.#toEnd();
    else if (first?.isConnected && first !== this.#messages.querySelector("[data-seq]")) {
      // Older messages came above: what is on screen stays where it is.
      this.#messages.scrollTop = scrollTop + this.#messages.scrollHeight - scrollHeight;
    }
    byId("to-newest").hidden = this.#atEnd || conversation.unread === 0;
    this.#readIfSeen();
    this.#readOlderIfNear();
  }

  #begin(conversation) {
    this.#shown = conversation;
    this.#messages.replaceChildren();
    this.#atEnd = true;
    this.#draft.value = conversation.draft;
    this.#fitDraft();
  }

  #renderHead(conversation) {
    const title = this.#title(conversation);
    setText(byId("chat-name"), title);
    const avatar = byId("chat-avatar");
    setText(avatar, initials(title));
    avatar.dataset.hue = hue(conversation.peer ?? conversation.id);
    const typing = conversation.typing(Date.now()).map((user) => this.#names.of(user));
    let note = conversation.isGroup ? "Group" : "";
    if (typing.length > 0) note = `${typing.join(", ")} ${typing.length > 1 ? "are" : "is"} typing…`;
    else if (!conversation.log.loaded && conversation.id) note = "Loading…";
    setText(byId("chat-note"), note);
  }

  /** Day lines, entries and what is on its way, oldest first. */
  #items(conversation) {
    const items = [];
    let before;
    for (const entry of conversation.log.entries) {
      if (!before || !isSameDay(before.time, entry.time)) {
        items.push({ key: `day ${day(entry.time)}`, version: "", day: day(entry.time) });
      }
      items.push(this.#entryItem(conversation, entry, before));
      before = entry;
    }
    for (const message of conversation.outbox.messages) {
      const version = `${message.state} ${message.problem}`;
      items.push({ key: message.id, version, conversation, message });
    }
    return items;
  }

  #entryItem(conversation, entry, before) {
    const own = entry.sender === this.#chat.me;
    const together = before && !before.body.system && before.sender === entry.sender
      && entry.time - before.time < TOGETHER_MS && isSameDay(before.time, entry.time);
    const name = own || !conversation.isGroup || together ? "" : this.#names.of(entry.sender);
    const progress = own && !entry.body.system ? conversation.progress(entry.seq) : null;
    const text = words(entry, (user) => this.#names.of(user));
    const version = JSON.stringify([entry.seq, name, progress, entry.body.system ? text : ""]);
    // An own message keeps the key that it had on its way, so that its bubble stays the same place in the list.
    const key = own && entry.clientMessageId ? entry.clientMessageId : `seq ${entry.seq}`;
    return { key, version, entry, own, name, progress, text };
  }

  #make(item) {
    if (item.day) return element("div", { class: "day" }, item.day);
    if (item.message) return this.#makeUnsent(item);
    const { entry, own, name, progress, text } = item;
    if (entry.body.system) {
      return element("div", { class: "system", "data-seq": String(entry.seq) }, text);
    }
    const [tick, label] = progress ? TICKS[progress] : [];
    return element("div", { class: `message ${own ? "own" : "other"}`, "data-seq": String(entry.seq) },
      name && element("span", { class: "sender", "data-hue": hue(entry.sender) }, name),
      element("p", { class: "bubble", dir: "auto" }, text),
      element("span", { class: "meta" },
        element("time", { datetime: new Date(entry.time).toISOString() }, clock(entry.time)),
        tick && element("span", { class: "tick", "data-state": progress, role: "img", "aria-label": label, title: label }, tick)));
  }

  #makeUnsent({ conversation, message }) {
    const failed = message.state === "failed";
    const [tick, label] = TICKS.sending;
    return element("div", { class: `message own ${failed ? "failed" : "sending"}` },
      element("p", { class: "bubble", dir: "auto" }, message.text),
      failed
        ? element("span", { class: "meta", role: "alert" },
          element("span", { class: "tick", "data-state": "failed" }, `Not sent: ${message.problem}`),
          element("button", { type: "button", class: "link", onclick: () => this.#chat.retry(conversation, message.id) }, "Try again"),
          element("button", { type: "button", class: "link", onclick: () => this.#chat.discard(conversation, message.id) }, "Discard"))
        : element("span", { class: "meta" },
          element("time", {}, clock(message.time)),
          element("span", { class: "tick", "data-state": "sending", role: "img", "aria-label": label, title: label }, tick)));
  }

  #send() {
    const text = this.#draft.value.trim();
    const conversation = this.#chat.current;
    if (text === "" || !conversation) return;
    this.#draft.value = "";
    conversation.draft = "";
    this.#fitDraft();
    this.#atEnd = true;
    this.#chat.say(conversation, text);
    this.#draft.focus();
  }

  #typed() {
    this.#chat.current.draft = this.#draft.value;
    this.#fitDraft();
    if (this.#draft.value !== "") this.#chat.typing(this.#chat.current);
  }

  #fitDraft() {
    const lines = this.#draft.value.split("\n").length;
    this.#draft.rows = Math.min(6, lines);
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#messages;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#atEnd) byId("to-newest").hidden = true;
    this.#readIfSeen();
    this.#readOlderIfNear();
  }

  #toEnd() {
    this.#messages.scrollTop = this.#messages.scrollHeight;
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
