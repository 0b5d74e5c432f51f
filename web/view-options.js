// What a message is besides its text, chosen in a row above the composer: when it goes by itself, whether it is to be confirmed.

import { byId } from "./dom.js";

export class MessageOptions {
  #me;
  #conversation = null;
  #expiry = byId("expiry");
  #mustConfirm = byId("must-confirm");

  constructor(me) {
    this.#me = me;
    byId("options-toggle").addEventListener("click", () => {
      const { options } = this.#conversation;
      options.isOpen = !options.isOpen;
      this.render(this.#conversation);
      if (options.isOpen) this.#expiry.focus();
    });
    this.#expiry.addEventListener("change", () => {
      this.#conversation.options.expirySeconds = Number(this.#expiry.value);
    });
    this.#mustConfirm.addEventListener("change", () => {
      this.#conversation.options.mustConfirm = this.#mustConfirm.checked;
    });
  }

  /** Another conversation is on screen. */
  begin(conversation) {
    this.#conversation = conversation;
    this.#expiry.value = String(conversation.options.expirySeconds);
    this.#mustConfirm.checked = conversation.options.mustConfirm;
    // There is nobody to confirm what one writes to oneself.
    this.#mustConfirm.disabled = conversation.peer === this.#me;
  }

  /** An edit keeps what its message has. */
  render({ options: { isOpen }, composing, left }) {
    const isNew = !left && composing?.kind !== "edit";
    byId("options-toggle").hidden = !isNew;
    byId("options-toggle").ariaExpanded = String(isOpen);
    byId("options").hidden = !isOpen || !isNew;
  }

  /** What stands beside the text of the message that is sent now. Each is asked for anew whether it is to be confirmed. */
  take({ options }) {
    const { expirySeconds: after_seconds, mustConfirm } = options;
    options.mustConfirm = false;
    this.#mustConfirm.checked = false;
    return { ...(after_seconds > 0 ? { expiry: { after_seconds } } : {}), ...(mustConfirm ? { must_confirm: {} } : {}) };
  }
}
