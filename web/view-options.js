// What a message is besides its text, chosen in a row above the composer: when it goes by itself.

import { byId } from "./dom.js";

export class MessageOptions {
  #conversation = null;
  #isOpen = false;

  constructor() {
    byId("options-toggle").addEventListener("click", () => {
      this.#isOpen = !this.#isOpen;
      this.render(this.#conversation);
      if (this.#isOpen) byId("expiry").focus();
    });
    byId("expiry").addEventListener("change", ({ target }) => {
      this.#conversation.expirySeconds = Number(target.value);
    });
  }

  /** Another conversation is on screen. */
  begin(conversation) {
    this.#conversation = conversation;
    this.#isOpen = conversation.expirySeconds > 0;
    byId("expiry").value = String(conversation.expirySeconds);
  }

  /** An edit keeps what its message has. */
  render(conversation) {
    const isEdit = conversation.composing?.kind === "edit";
    byId("options-toggle").hidden = conversation.left || isEdit;
    byId("options-toggle").ariaExpanded = String(this.#isOpen);
    byId("options").hidden = !this.#isOpen || conversation.left || isEdit;
  }

  /** What stands beside the text of the message that is sent now. */
  take({ expirySeconds: after_seconds }) {
    return after_seconds > 0 ? { expiry: { after_seconds } } : {};
  }
}
