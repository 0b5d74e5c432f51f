// For how long a conversation keeps what is said in it.

import { byId, element } from "./dom.js";
import { span } from "./notices.js";

export class Keeping {
  #conversation = null;
  #chosen = byId("retention");

  constructor(api, run) {
    this.#chosen.addEventListener("change", () => run(byId("keeping-part"), () =>
      api.setRetention(this.#conversation.id, Number(this.#chosen.value))));
  }

  begin(conversation) {
    this.#conversation = conversation;
    this.#show(conversation);
  }

  render(conversation) {
    this.#chosen.disabled = conversation.isGroup && !conversation.isManaged;
    if (document.activeElement !== this.#chosen) this.#show(conversation);
  }

  /** Programs may have set what is not offered here. */
  #show({ retentionSeconds }) {
    const value = String(retentionSeconds);
    const isOffered = [...this.#chosen.options].some((option) => option.value === value);
    if (!isOffered) this.#chosen.append(element("option", { value }, `for ${span(retentionSeconds)}`));
    this.#chosen.value = value;
  }
}
