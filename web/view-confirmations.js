// Messages that are to be confirmed: by whom they are, how many have, and who.

import { byId, element, reconcile, setText } from "./dom.js";
import { hue, initials } from "./format.js";
import { inWords } from "./view-dialogs.js";

/**
 * What there is to know of a message that is to be confirmed, as plain values; `null` of one that is not. Who sent it and who
 * manages the group sees who has, once they have themselves.
 */
export function confirmation({ body, sender, seq }, conversation, me) {
  if (!body.must_confirm || !seq) return null;
  const count = conversation.confirmations.get(seq);
  if (conversation.confirmSeqs.has(seq)) return { kind: "waiting", words: "Confirm" };
  const isTold = sender === me || conversation.isManaged;
  if (isTold) return { kind: "counted", words: count ? `${count.confirmed} of ${count.of} confirmed` : "Who has confirmed" };
  if (conversation.confirmedSeqs.has(seq)) return { kind: "confirmed", words: "✓ You confirmed" };
  return { kind: "none", words: "" };
}

/** The button below the text; it stays the same element whatever becomes of it, so that it keeps the focus. */
export const makeConfirmation = () => element("button", { type: "button", class: "confirm" });

export function showConfirmation(message, found) {
  const button = message.querySelector(".confirm");
  if (!button) return;
  button.hidden = !found || found.kind === "none";
  button.dataset.confirm = found?.kind ?? "none";
  button.ariaDisabled = String(found?.kind === "confirmed");
  button.classList.toggle("primary", found?.kind === "waiting");
  setText(button, found?.words ?? "");
}

export class Confirmations {
  #api;
  #chat;
  #names;
  #failed;
  #dialog = byId("confirmations-dialog");
  /** Of which message the dialog is, and what is known of it. */
  #asked = null;
  #members = [];
  #counted = "";

  /** `failed` is told, in words, why something was not confirmed. */
  constructor(api, chat, names, failed) {
    this.#api = api;
    this.#chat = chat;
    this.#names = names;
    this.#failed = failed;
    byId("messages").addEventListener("click", ({ target }) => {
      const button = target.closest("[data-confirm]");
      if (!button) return;
      const seq = Number(button.closest("[data-seq]").dataset.seq);
      if (button.dataset.confirm === "waiting") this.#confirm(this.#chat.current, seq);
      else if (button.dataset.confirm === "counted") this.open(seq);
    });
    this.#dialog.querySelector("[data-cancel]").addEventListener("click", () => this.#dialog.close());
  }

  /** Shows who has confirmed a message. */
  open(seq) {
    this.#asked = { conversation: this.#chat.current, seq };
    this.#members = [];
    this.#counted = "";
    setText(byId("confirmations-count"), "");
    this.render();
    this.#dialog.showModal();
    this.#list();
  }

  render() {
    if (!this.#asked) return;
    const { conversation, seq } = this.#asked;
    if (this.#dialog.open && conversation !== this.#chat.current) this.#dialog.close();
    const count = conversation.confirmations.get(seq);
    const counted = count ? `${count.confirmed} of ${count.of} confirmed` : "";
    // The list follows the count while it is looked at.
    if (this.#dialog.open && counted !== this.#counted) this.#list();
    this.#counted = counted;
    setText(byId("confirmations-count"), counted);
    const items = this.#members.map(({ user, confirmed }) => {
      const name = this.#names.of(user);
      return { key: user, version: JSON.stringify([name, confirmed]), name, confirmed };
    });
    reconcile(byId("confirmation-list"), items, ({ key, name, confirmed }) => element("li", {},
      element("span", { class: "avatar", "data-hue": hue(key), "aria-hidden": "true" }, initials(name)),
      element("span", { class: "line-text" }, name),
      element("span", { class: confirmed ? "good" : "quiet" }, confirmed ? "✓ confirmed" : "not yet")));
  }

  async #confirm(conversation, seq) {
    try {
      await this.#api.confirm(conversation.id, seq);
      this.#chat.confirmed(conversation, seq);
    } catch (refused) {
      this.#failed(`Not confirmed: ${inWords(refused)}`);
    }
  }

  async #list() {
    const { conversation, seq } = this.#asked;
    try {
      const { confirmed, of, members } = await this.#api.confirmations(conversation.id, seq);
      if (this.#asked.seq !== seq || this.#asked.conversation !== conversation) return;
      this.#members = members;
      this.#counted = `${confirmed} of ${of} confirmed`;
      conversation.takeConfirmations(seq, { confirmed, of });
    } catch (refused) {
      setText(byId("confirmations-count"), inWords(refused));
      return;
    }
    this.render();
  }
}
