// The open conversation: its messages with their ticks, and the composer.

import { byId, element, reconcile, setText } from "./dom.js";
import { clock, day, hue, initials, isSameDay, words } from "./format.js";
import { pieces } from "./links.js";

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
    reconcile(this.#messages, this.#items(conversation), (item) => this.#make(item), showProgress);
    if (this.#atEnd) this.#toEnd();
    else if (first?.isConnected && first !== this.#messages.querySelector("[data-seq]")) {
      // Older messages came above: what is on screen stays where it is.
      this.#messages.scrollTop = scrollTop + this.#messages.scrollHeight - scrollHeight;
    }
    this.#renderToNewest();
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
    if (conversation.left) note = "You are no longer a member.";
    setText(byId("chat-note"), note);
    byId("members").hidden = !conversation.isGroup || conversation.left;
    byId("composer").hidden = conversation.left;
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
    for (const entry of conversation.log.entries) {
      if (!before || !isSameDay(before.time, entry.time)) {
        items.push({ key: `day ${day(entry.time)}`, version: "", day: day(entry.time) });
      }
      items.push(this.#entryItem(conversation, entry, before));
      before = entry;
    }
    for (const message of conversation.outbox.messages) {
      const { id: key, text, time, state, problem } = message;
      if (state === "failed") items.push({ key, version: `failed ${problem}`, conversation, message });
      else items.push({ key, version: "own", own: true, text, time, ...progressState("sending", "", time) });
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
    if (progress === null) {
      const version = JSON.stringify([name, entry.body.system ? text : ""]);
      return { key: `seq ${entry.seq}`, version, entry, own, name, text, time: entry.time };
    }
    // An own message keeps the key and the element that it had on its way: only the tick changes, and nothing is read
    // aloud again.
    const key = entry.clientMessageId ?? `seq ${entry.seq}`;
    return { key, version: "own", own, text, time: entry.time, ...progressState(progress, String(entry.seq), entry.time) };
  }

  #make(item) {
    if (item.day) return element("div", { class: "day" }, item.day);
    if (item.message) return this.#makeFailed(item);
    const { entry, own, name, text } = item;
    const seq = entry && String(entry.seq);
    if (entry?.body.system) return element("div", { class: "system", "data-seq": seq }, text);
    return element("div", { class: `message ${own ? "own" : "other"}`, "data-seq": seq },
      name && element("span", { class: "sender", "data-hue": hue(entry.sender) }, name),
      element("div", { class: "bubble" },
        written(text),
        element("span", { class: "meta" },
          element("time", { datetime: new Date(item.time).toISOString() }, clock(item.time)),
          own && element("span", { class: "tick", role: "img" }))));
  }

  #makeFailed({ conversation, message }) {
    const again = () => this.#chat.retry(conversation, message.id);
    const discard = () => this.#chat.discard(conversation, message.id);
    return element("div", { class: "message own failed" },
      element("div", { class: "bubble" }, written(message.text)),
      element("span", { class: "meta", role: "alert" },
        element("span", { class: "tick", "data-state": "failed" }, `Not sent: ${message.problem}`),
        element("button", { type: "button", class: "link", onclick: again }, "Try again"),
        element("button", { type: "button", class: "link", onclick: discard }, "Discard")));
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
    if (this.#shown) this.#renderToNewest();
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

/** What changes about an own message after it was made. */
function progressState(progress, seq, time) {
  return { progress, seq, state: `${progress} ${seq} ${clock(time)}` };
}

function showProgress(shown, { progress, seq, time }) {
  const [mark, label] = TICKS[progress];
  const tick = shown.querySelector(".tick");
  tick.dataset.state = progress;
  tick.ariaLabel = label;
  tick.title = label;
  setText(tick, mark);
  setText(shown.querySelector("time"), clock(time));
  shown.classList.toggle("sending", progress === "sending");
  if (seq) shown.dataset.seq = seq;
}

/** What somebody wrote, with its addresses as links. */
function written(text) {
  const link = ({ text: shown, href }) => element("a", { href, target: "_blank", rel: "noopener noreferrer" }, shown);
  return element("p", { class: "text", dir: "auto" }, ...pieces(text).map((piece) => (piece.href ? link(piece) : piece.text)));
}
