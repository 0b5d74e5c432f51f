// What a message is besides its text, chosen in a row above the composer: when it goes by itself, whether it is to be confirmed.

import { byId } from "./dom.js";

export class MessageOptions {
  #me;
  #conversation = null;
  #isOpen = false;
  #mustConfirm = byId("must-confirm");

  constructor(me) {
    this.#me = me;
    byId("options-toggle").addEventListener("click", () => {
      this.#isOpen = !this.#isOpen;
      this.render(this.#conversation);
      if (this.#isOpen) byId("expiry").focus();
    });
    byId("expiry").addEventListener("change", ({ target }) => {
      this.#conversation.expirySeconds = Number(target.value);
    });
    this.#mustConfirm.addEventListener("change", () => {
      this.#conversation.mustConfirm = this.#mustConfirm.checked;
    });
  }

  /** Another conversation is on screen. */
  begin(conversation) {
    this.#conversation = conversation;
    this.#isOpen = conversation.expirySeconds > 0 || conversation.mustConfirm;
    this.#mustConfirm.checked = conversation.mustConfirm;
    // There is nobody to confirm what one writes to oneself.
    this.#mustConfirm.disabled = conversation.peer === this.#me;
    byId("expiry").value = String(conversation.expirySeconds);
  }

  /** An edit keeps what its message has. */
  render(conversation) {
    const isEdit = conversation.composing?.kind === "edit";
    byId("options-toggle").hidden = conversation.left || isEdit;
    byId("options-toggle").ariaExpanded = String(this.#isOpen);
    byId("options").hidden = !this.#isOpen || conversation.left || isEdit;
  }

  /** What stands beside the text of the message that is sent now. Each is asked for anew whether it is to be confirmed. */
  take(conversation) {
    const { expirySeconds: after_seconds, mustConfirm } = conversation;
    conversation.mustConfirm = false;
    this.#mustConfirm.checked = false;
    return { ...(after_seconds > 0 ? { expiry: { after_seconds } } : {}), ...(mustConfirm ? { must_confirm: {} } : {}) };
  }
}
