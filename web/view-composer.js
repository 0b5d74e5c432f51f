// The composer: a new message, an answer to one, or another text for one.

import { isMessage, mayEdit } from "./changes.js";
import { byId, setText } from "./dom.js";
import { words } from "./format.js";
import { MessageOptions } from "./view-options.js";

const LINES_MAX = 6;

export class Composer {
  #chat;
  #names;
  #sent;
  #draft = byId("draft");
  #options;

  /** `sent` is called when something was said. */
  constructor(chat, names, sent) {
    this.#chat = chat;
    this.#names = names;
    this.#sent = sent;
    this.#options = new MessageOptions(chat.me);
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#draft.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#chat.current.composing) this.#cancel();
      if (event.key === "ArrowUp" && this.#draft.value === "") this.#editLast(event);
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
    this.#draft.addEventListener("input", () => this.#typed());
    byId("composing-cancel").addEventListener("click", () => this.#cancel());
  }

  /** Another conversation is on screen. */
  begin(conversation) {
    this.#show(conversation.written);
    this.#options.begin(conversation);
  }

  render(conversation) {
    byId("composer").hidden = conversation.left;
    this.#options.render(conversation);
    const { composing } = conversation;
    const message = composing && conversation.message(composing.seq);
    // It may have been recalled meanwhile.
    if (composing && (!message || message.state.recalled)) conversation.composing = null;
    // Also what was written on another device, and what an edit was put before.
    if (this.#draft.value !== conversation.written) this.#show(conversation.written);
    byId("composing").hidden = conversation.left || !conversation.composing;
    if (!conversation.composing) {
      setText(byId("composing-words"), "");
      return;
    }
    const name = this.#names.of(message.sender);
    setText(byId("composing-lead"), composing.kind === "edit" ? "Editing" : `Answering ${name}`);
    setText(byId("composing-words"), words(message, (user) => this.#names.of(user)));
  }

  answer(seq) {
    this.#compose({ kind: "reply", seq });
  }

  edit(seq, text) {
    this.#compose({ kind: "edit", seq, text });
  }

  /** As in other chats: up, from an empty draft, to what one said last. */
  #editLast(event) {
    const { log, composing } = this.#chat.current;
    const last = log.entries.findLast((entry) => entry.sender === this.#chat.me && isMessage(entry));
    if (composing || !mayEdit(last)) return;
    event.preventDefault();
    this.edit(last.seq, last.body.text);
  }

  #compose(composing) {
    const conversation = this.#chat.current;
    conversation.composing = composing;
    this.render(conversation);
    this.#draft.focus();
  }

  #cancel() {
    this.#compose(null);
  }

  #send() {
    const text = this.#draft.value.trim();
    const conversation = this.#chat.current;
    if (text === "" || !conversation) return;
    const { composing } = conversation;
    conversation.composing = null;
    if (composing?.kind !== "edit") conversation.draft = "";
    this.#chat.own.planDraft();
    this.render(conversation);
    this.#sent();
    if (composing?.kind === "edit") this.#sendEdit(conversation, composing.seq, text);
    else {
      const beside = { ...this.#mentions(conversation, text), ...answering(composing), ...this.#options.take(conversation) };
      this.#chat.say(conversation, text, beside);
    }
    this.#draft.focus();
  }

  #sendEdit(conversation, seq, text) {
    const { mentions, ...kept } = conversation.message(seq).body;
    if (text === kept.text) return;
    // Everybody stays mentioned; who else is depends on the text.
    const all = mentions?.all ? { all: true } : {};
    const said = this.#mentions(conversation, text).mentions;
    const body = { ...kept, text, ...(said || mentions?.all ? { mentions: { ...said, ...all } } : {}) };
    this.#chat.change(conversation, seq, "edit", { body });
  }

  #mentions(conversation, text) {
    const users = conversation.isGroup ? this.#names.mentionedIn(text).filter((user) => user !== this.#chat.me) : [];
    return users.length > 0 ? { mentions: { users } } : {};
  }

  #typed() {
    this.#chat.current.written = this.#draft.value;
    this.#chat.own.planDraft();
    this.#fit();
    if (this.#draft.value !== "") this.#chat.typing(this.#chat.current);
  }

  #show(text) {
    this.#draft.value = text;
    this.#fit();
  }

  #fit() {
    this.#draft.rows = Math.min(LINES_MAX, this.#draft.value.split("\n").length);
  }
}

const answering = (composing) => (composing ? { reply_to: { seq: String(composing.seq) } } : {});
