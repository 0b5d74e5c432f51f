// About the open conversation: its parts are views of their own, which this opens, keeps up to date and lets act.

import { byId, setText } from "./dom.js";
import { inWords } from "./view-dialogs.js";

export class Details {
  #chat;
  #title;
  #sections;
  #dialog = byId("details-dialog");
  #problem = this.#dialog.querySelector(".problem");
  #conversation = null;

  /** Each section has `begin(conversation)` and `render(conversation)`, and is given what runs its actions. */
  constructor(chat, title, makeSections) {
    this.#chat = chat;
    this.#title = title;
    this.#sections = makeSections((target, action) => this.#run(target, action));
    byId("details").addEventListener("click", () => this.#open());
    this.#dialog.querySelector("[data-cancel]").addEventListener("click", () => this.#dialog.close());
  }

  close() {
    this.#dialog.close();
  }

  render() {
    const { current } = this.#chat;
    const waiting = current?.requests.length ?? 0;
    byId("details").hidden = !current?.id || current.left;
    byId("details-waiting").hidden = waiting === 0;
    setText(byId("details-waiting"), String(waiting));
    byId("details-waiting").ariaLabel = `${waiting} asking to join`;
    if (!this.#dialog.open) return;
    // The way back leads out of the conversation and of this.
    if (current !== this.#conversation || current.left) this.#dialog.close();
    else this.#renderSections();
  }

  #open() {
    this.#conversation = this.#chat.current;
    setText(this.#problem, "");
    setText(byId("details-title"), this.#title(this.#conversation));
    for (const section of this.#sections) section.begin(this.#conversation);
    this.#renderSections();
    this.#dialog.showModal();
  }

  #renderSections() {
    for (const section of this.#sections) section.render(this.#conversation);
  }

  /** Does what the user asked for, once at a time; a refusal is shown in words. */
  async #run(target, action) {
    if (target.disabled) return;
    setText(this.#problem, "");
    target.disabled = true;
    try {
      await action();
      this.#chat.lookUp();
    } catch (refused) {
      setText(this.#problem, inWords(refused));
    } finally {
      target.disabled = false;
    }
    this.render();
  }
}
