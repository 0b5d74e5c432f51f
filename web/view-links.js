// How people come into a group by themselves: openly, when approved, or invited; and the links that let them in.

import { byId, element, reconcile, setText } from "./dom.js";
import { moment } from "./format.js";
import { addressOf } from "./join-link.js";

export class Links {
  #api;
  #run;
  #conversation = null;
  /** `null` until they were asked for, which only those may who manage the group. */
  #links = null;
  #address = byId("link-address");

  constructor(api, run) {
    this.#api = api;
    this.#run = run;
    byId("join-how").addEventListener("change", ({ target }) => run(target, () =>
      api.editGroup(this.#conversation.group, { join: target.value })));
    byId("link-form").addEventListener("submit", (event) => {
      event.preventDefault();
      run(byId("link-make"), () => this.#make());
    });
    for (const button of byId("links-part").querySelectorAll("[data-copy]")) {
      button.addEventListener("click", () => copy(byId(button.dataset.copy)));
    }
  }

  begin(conversation) {
    this.#conversation = conversation;
    this.#links = null;
    this.#address.value = "";
    setText(byId("copied"), "");
    byId("link-form").reset();
    byId("group-address").value = conversation.isGroup ? addressOf(conversation, location.href) : "";
  }

  render({ isManaged, join }) {
    byId("links-part").hidden = !isManaged;
    if (isManaged && !this.#links) {
      this.#links = [];
      this.#run(byId("link-list"), () => this.#list());
    }
    byId("group-address-row").hidden = join === "invitation";
    if (document.activeElement !== byId("join-how")) byId("join-how").value = join;
    byId("link-made").hidden = this.#address.value === "";
    const items = (this.#links ?? []).map(({ link_id: key, expires: end, uses }) => {
      const words = `until ${moment(Number(end))}, used ${uses === 1 ? "once" : `${uses} times`}`;
      return { key, version: words, words };
    });
    reconcile(byId("link-list"), items, ({ key, words }) => element("li", {},
      element("span", { class: "line-text" }, `A link ${words}`),
      element("button", {
        type: "button", class: "danger", "aria-label": `End the link ${words}`,
        onclick: ({ currentTarget }) => this.#run(currentTarget, () => this.#end(key)),
      }, "End")));
  }

  async #make() {
    const { group, name } = this.#conversation;
    const { token } = await this.#api.makeLink(group, byId("link-good-for").value);
    this.#address.value = addressOf({ group, token, name }, location.href);
    byId("link-made").hidden = false;
    byId("link-copy").focus();
    await this.#list();
  }

  async #end(link) {
    await this.#api.endLink(this.#conversation.group, link);
    this.#address.value = "";
    await this.#list();
  }

  async #list() {
    const conversation = this.#conversation;
    const links = await this.#api.links(conversation.group);
    if (conversation === this.#conversation) this.#links = links;
  }
}

/** Without https browsers have no clipboard for pages: then it is marked, and the keys of the system copy it. */
async function copy(field) {
  field.focus();
  field.select();
  const written = navigator.clipboard ? navigator.clipboard.writeText(field.value) : Promise.reject(new Error("none"));
  const isCopied = await written.then(() => true, () => false);
  setText(byId("copied"), isCopied ? "Copied." : "Press Ctrl+C to copy.");
}
