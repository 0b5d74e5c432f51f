// What the user keeps for themselves in the open conversation: where it is in the list, whether it is silent, that it is unread.

import { byId, element } from "./dom.js";
import { moment } from "./format.js";

export class OwnPart {
  #conversation = null;
  #muted = byId("muted");

  /** `away` leaves the conversation. */
  constructor(api, run, away) {
    const keep = (target, changes) => run(target, async () => {
      const conversation = this.#conversation;
      conversation.takeSettings(await api.keepForMyself(conversation.id, changes()));
    });
    for (const name of ["pinned", "archived"]) {
      byId(name).addEventListener("change", ({ target }) => keep(target, () => ({ [name]: target.checked })));
    }
    this.#muted.addEventListener("change", () => keep(this.#muted, () => ({ muted_until: String(this.#chosen()) })));
    byId("mark-unread").addEventListener("click", async ({ target }) => {
      await keep(target, () => ({ marked_unread: true }));
      if (this.#conversation.markedUnread) away();
    });
  }

  begin(conversation) {
    this.#conversation = conversation;
  }

  render({ pinned, archived, mutedUntil }) {
    // What was chosen stays while it is asked for.
    for (const [name, is] of [["pinned", pinned], ["archived", archived]]) if (!byId(name).disabled) byId(name).checked = is;
    if (!this.#muted.disabled) this.#show(mutedUntil > Date.now() ? mutedUntil : 0);
  }

  /** Until when: an option is that time, or for how long. */
  #chosen() {
    const ms = Number(this.#muted.value);
    return ms === 0 || ms > Date.now() ? ms : Date.now() + ms;
  }

  /** The end of a time that was chosen is an option of its own. */
  #show(until) {
    const value = String(until);
    for (const option of [...this.#muted.querySelectorAll("[data-until]")]) if (option.value !== value) option.remove();
    if (![...this.#muted.options].some((option) => option.value === value)) {
      this.#muted.append(element("option", { value, "data-until": true }, `off until ${moment(until)}`));
    }
    this.#muted.value = value;
  }
}
