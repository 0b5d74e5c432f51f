// The list of conversations.

import { isExpired, isMessage } from "./changes.js";
import { byId, element, reconcile, setText } from "./dom.js";
import { hue, initials, shortTime, words } from "./format.js";

const UNREAD_SHOWN_MAX = 99;
// Fewer conversations are found at a glance.
const FIND_FROM = 6;

export class List {
  #chat;
  #names;
  #presence;
  #notifier;
  #open;
  #showsArchived = false;

  constructor(chat, names, presence, notifier, open) {
    this.#chat = chat;
    this.#names = names;
    this.#presence = presence;
    this.#notifier = notifier;
    this.#open = open;
    byId("find").addEventListener("input", () => this.render());
    byId("find").addEventListener("keydown", (event) => {
      const [first] = this.#found();
      if (event.key === "Enter" && first) this.#open(first);
    });
    byId("archived-toggle").addEventListener("click", () => {
      this.#showsArchived = !this.#showsArchived;
      this.render();
    });
    byId("notify").addEventListener("click", async () => {
      await this.#notifier.ask();
      this.render();
    });
    chat.heard = async (conversation, entry) => {
      await names.asked(entry.sender);
      this.#notifier.tell(conversation, this.title(conversation), this.#heard(conversation, entry));
    };
    byId("note-to-self").addEventListener("click", () => this.#open(this.#chat.direct(this.#chat.me)));
  }

  title(conversation) {
    if (conversation.peer === this.#chat.me) return "Notes to yourself";
    if (conversation.peer) return this.#names.of(conversation.peer);
    return conversation.name || "Conversation";
  }

  /** Puts the focus on the line of a conversation, if it has one. */
  focus(conversation) {
    const key = conversation && keyOf(conversation);
    [...byId("conversations").children].find((line) => line.dataset.key === key)?.firstElementChild.focus();
  }

  render() {
    const found = this.#found();
    const { length } = this.#chat.list();
    const archived = this.#chat.list().filter((one) => one.archived).length;
    byId("archived-toggle").hidden = archived === 0;
    byId("archived-toggle").ariaExpanded = String(this.#showsArchived);
    setText(byId("archived-toggle"), `Archived (${archived})`);
    reconcile(byId("conversations"), found.map((conversation) => this.#item(conversation)), (item) => this.#line(item));
    byId("no-conversations").hidden = length > 0;
    byId("find").hidden = length < FIND_FROM && byId("find").value === "";
    byId("notify").hidden = length === 0 || !this.#notifier.mayAsk;
    byId("found-none").hidden = byId("find").value === "" || found.length > 0;
    setText(byId("my-username"), this.#names.username(this.#chat.me));
    const { unread } = this.#chat;
    document.title = unread > 0 ? `(${unread}) Tidegate` : "Tidegate";
  }

  /** Those whose titles have every word that is looked for; otherwise those that are not archived, and on demand the others after them. */
  #found() {
    const words = byId("find").value.toLocaleLowerCase().split(/\s+/u).filter(Boolean);
    const [archived, list] = [true, false].map((is) => this.#chat.list().filter((one) => one.archived === is));
    if (words.length === 0) return this.#showsArchived ? [...list, ...archived] : list;
    return [...list, ...archived].filter((conversation) => {
      const title = this.title(conversation).toLocaleLowerCase();
      return words.every((word) => title.includes(word));
    });
  }

  #item(conversation) {
    const line = {
      title: this.title(conversation),
      preview: this.#preview(conversation),
      time: shortTime(conversation.time),
      unread: conversation.unread,
      current: conversation === this.#chat.current,
      marked: conversation.markedUnread,
      muted: conversation.isMuted(),
      pinned: conversation.pinned,
      confirm: conversation.confirmSeqs.size,
      presence: conversation.peer ? this.#presence.of(conversation.peer).state : "unknown",
    };
    return { key: keyOf(conversation), version: JSON.stringify(line), conversation, line };
  }

  #preview(conversation) {
    const { last, outbox, isGroup, keptDraft } = conversation;
    const waiting = outbox.messages.findLast(({ text }) => text !== "");
    if (waiting) return waiting.text;
    if (keptDraft && conversation !== this.#chat.current) return `Draft: ${keptDraft}`;
    if (!last || !conversation.isKept(last)) return "";
    const isSaid = isMessage(last) && !last.state.recalled && !isExpired(last);
    const text = words(last, (user) => (user === this.#chat.me && !last.body.system ? "You" : this.#names.of(user)));
    if (!isSaid) return text;
    if (last.sender === this.#chat.me) return `You: ${text}`;
    return isGroup ? `${this.#names.of(last.sender)}: ${text}` : text;
  }

  /** What a notification says; not what shall go by itself, as notifications stay. */
  #heard(conversation, entry) {
    const name = (user) => this.#names.of(user);
    const text = entry.body.expiry ? "A message that expires" : words(entry, name);
    return conversation.isGroup ? `${name(entry.sender)}: ${text}` : text;
  }

  #line({ key, conversation, line }) {
    const { title, preview, time, unread, current, confirm, presence, marked, muted, pinned } = line;
    const shown = unread > UNREAD_SHOWN_MAX ? `${UNREAD_SHOWN_MAX}+` : String(unread);
    return element("li", {},
      element("button", {
        type: "button",
        class: "line",
        "aria-current": current && "true",
        onclick: () => this.#open(conversation),
      },
      element("span", { class: "avatar", "data-hue": hue(conversation.peer ?? key), "data-presence": presence, "aria-hidden": "true" }, initials(title)),
      element("span", { class: "line-text" },
        element("span", { class: "line-title" }, title),
        ["online", "away"].includes(presence) && element("span", { class: "visually-hidden" }, presence),
        element("span", { class: "line-preview quiet" }, preview)),
      element("span", { class: "line-side" },
        element("span", { class: "quiet" }, pinned && sign("📌", "pinned"), muted && sign("🔕", "muted"), time),
        element("span", { class: "badges" },
          marked && unread === 0 && element("span", { class: "badge marked", role: "img", "aria-label": "marked as unread" }, "•"),
          confirm > 0 && element("span", { class: "badge asking", role: "img", "aria-label": `${confirm} to confirm` }, "!"),
          unread > 0 && element("span", { class: muted ? "badge muted" : "badge", "aria-label": `${unread} unread` }, shown)))));
  }
}

const sign = (character, meaning) => element("span", { class: "sign", role: "img", "aria-label": meaning }, character);

const keyOf = ({ id, peer }) => id ?? `with ${peer}`;
