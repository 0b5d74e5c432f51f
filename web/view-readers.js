// Who has received and read a message of a group.

import { byId, element, reconcile, setText } from "./dom.js";
import { hue, initials } from "./format.js";
import { inWords } from "./view-dialogs.js";

export class Readers {
  #api;
  #names;
  #dialog = byId("readers-dialog");
  #conversation = null;
  #seq = 0;
  #readers = [];

  constructor(api, names) {
    this.#api = api;
    this.#names = names;
    this.#dialog.querySelector("[data-cancel]").addEventListener("click", () => this.#dialog.close());
  }

  async open(conversation, seq) {
    this.#conversation = conversation;
    this.#seq = seq;
    this.#readers = [];
    setText(byId("readers-problem"), "");
    this.render(conversation);
    this.#dialog.showModal();
    try {
      const { readers } = await this.#api.readers(conversation.id, seq);
      if (conversation === this.#conversation) this.#readers = readers;
    } catch (refused) {
      setText(byId("readers-problem"), inWords(refused));
    }
    this.render(conversation);
  }

  /** Names come a moment later than readers. */
  render(current) {
    if (this.#dialog.open && current !== this.#conversation) this.#dialog.close();
    const items = this.#readers.map(({ user, delivered, read: wasRead }) => {
      const name = this.#names.of(user);
      // Receipts are told before they show over HTTP.
      const read = wasRead || this.#conversation.hasRead(user, this.#seq);
      const words = read ? "✓✓ read" : delivered ? "✓✓ received" : "✓ not yet";
      return { key: user, version: JSON.stringify([name, words]), name, words, read };
    });
    reconcile(byId("reader-list"), items, ({ key, name, words, read }) => element("li", {},
      element("span", { class: "avatar", "data-hue": hue(key), "aria-hidden": "true" }, initials(name)),
      element("span", { class: "line-text" }, name),
      element("span", { class: read ? "good" : "quiet" }, words)));
  }
}
