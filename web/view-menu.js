// What can be done with a message, and what is pinned.

import { isExpired, mayEdit } from "./changes.js";
import { byId, element, setText } from "./dom.js";
import { words } from "./format.js";

const REACTIONS = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
// What the server allows unless it is configured otherwise; it has the last word.
const RECALL_MS = 120_000;

export class Menu {
  #chat;
  #names;
  #composer;
  #readers;
  #show;
  #dialog = byId("message-dialog");
  #pins = byId("pins-dialog");
  #message = null;

  /** `show` brings the message of a seq into sight. */
  constructor(chat, names, composer, readers, show) {
    this.#readers = readers;
    this.#show = show;
    this.#chat = chat;
    this.#names = names;
    this.#composer = composer;
    byId("messages").addEventListener("click", (event) => this.#clicked(event.target));
    byId("message-reactions").append(...REACTIONS.map((reaction) =>
      element("button", { type: "button", "aria-label": `React with ${reaction}`, onclick: () => this.#react(reaction) }, reaction)));
    for (const button of this.#dialog.querySelectorAll("[data-do]")) {
      button.addEventListener("click", () => this.#choose(button.dataset.do));
    }
    for (const dialog of [this.#dialog, this.#pins]) {
      dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
    }
    // What was recalled meanwhile is nowhere on the page any more.
    this.#dialog.addEventListener("close", () => setText(byId("message-words"), ""));
    byId("pins").addEventListener("click", () => this.#pins.showModal());
  }

  render(conversation) {
    const { pins } = conversation;
    byId("pins").hidden = pins.length === 0;
    setText(byId("pins"), `📌 ${pins.length}`);
    byId("pins").ariaLabel = `${pins.length} pinned`;
    if (this.#dialog.open) this.#offer();
    this.#readers.render(conversation);
    byId("pin-list").replaceChildren(...pins.map((entry) => element("li", {},
      element("button", { type: "button", class: "line", onclick: () => this.#showPinned(entry.seq) },
        element("span", { class: "line-text" },
          element("strong", {}, this.#name(entry.sender)),
          element("span", {}, words(entry, (user) => this.#name(user))))))));
  }

  #showPinned(seq) {
    this.#pins.close();
    this.#show(seq);
  }

  #name(user) {
    return this.#names.of(user);
  }

  #clicked(target) {
    const line = target.closest("[data-seq]");
    const conversation = this.#chat.current;
    const message = line && conversation.message(Number(line.dataset.seq));
    if (!message) return;
    const { reaction } = target.closest("[data-reaction]")?.dataset ?? {};
    const { quote } = target.closest("[data-quote]")?.dataset ?? {};
    if (reaction) this.#toggle(message, reaction);
    else if (quote) this.#show(Number(quote));
    else if (target.closest("[data-menu]")) this.#open(message);
  }

  #open(message) {
    this.#message = message;
    this.#offer();
    this.#dialog.showModal();
  }

  #offer() {
    const message = this.#message;
    if (!this.#chat.current || message.state.recalled || isExpired(message)) {
      this.#dialog.close();
      return;
    }
    const may = this.#allowed(message);
    setText(byId("message-words"), words(message, (user) => this.#name(user)));
    for (const button of this.#dialog.querySelectorAll("[data-do]")) button.hidden = !may[button.dataset.do];
    byId("message-reactions").hidden = !may.reply;
    setText(this.#dialog.querySelector("[data-do=pin]"), message.state.pinned ? "Unpin" : "Pin");
  }

  #allowed(message) {
    const { sender, time } = message;
    const { isGroup, isManaged: manages, left } = this.#chat.current;
    const own = sender === this.#chat.me;
    const age = Date.now() - time;
    return {
      reply: !left,
      edit: !left && own && mayEdit(message),
      readers: isGroup && own && !left,
      pin: !left && (!isGroup || manages),
      recall: !left && (manages || (own && age < RECALL_MS)),
    };
  }

  #choose(what) {
    const { seq, body, state } = this.#message;
    // First, since it gives the focus back to the opener.
    this.#dialog.close();
    if (what === "reply") this.#composer.answer(seq);
    else if (what === "edit") this.#composer.edit(seq, body.text);
    else if (what === "readers") this.#readers.open(this.#chat.current, seq);
    else if (what === "recall") this.#chat.change(this.#chat.current, seq, "recall");
    else this.#chat.change(this.#chat.current, seq, "pin", state.pinned ? { remove: true } : {});
  }

  #react(reaction) {
    this.#dialog.close();
    this.#toggle(this.#message, reaction);
  }

  #toggle({ seq, state }, reaction) {
    const mine = state.reactions.some((one) => one.reaction === reaction && one.users.includes(this.#chat.me));
    this.#chat.change(this.#chat.current, seq, "react", { reaction, ...(mine ? { remove: true } : {}) });
  }
}
