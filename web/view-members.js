// Who is in a group and who asks to be: the lists, adding and inviting people, letting them in, leaving.

import { byId, element, reconcile, setText } from "./dom.js";
import { hue, initials } from "./format.js";

const ROLES = { owner: "Owner", admin: "Admin" };

export class Members {
  #api;
  #chat;
  #names;
  #run;
  #conversation = null;
  #members = [];

  /** `find` gives the user ids that a text names; `left` is called with the group that was left. */
  constructor(api, chat, names, run, { find, left }) {
    this.#api = api;
    this.#chat = chat;
    this.#names = names;
    this.#run = run;
    const named = async (button, action) => run(button, async () => {
      const users = await find(byId("member-add").value);
      if (users.length > 0) await action(this.#conversation.group, users);
      byId("member-add").value = "";
      await this.#list();
    });
    byId("member-form").addEventListener("submit", (event) => {
      event.preventDefault();
      named(byId("member-add-submit"), (group, users) => api.addMembers(group, users));
    });
    byId("member-invite").addEventListener("click", ({ target }) => named(target, (group, users) => api.invite(group, users)));
    byId("leave-group").addEventListener("click", ({ target }) => run(target, async () => {
      const conversation = this.#conversation;
      await api.leaveGroup(conversation.group);
      left(conversation);
    }));
  }

  begin(conversation) {
    this.#conversation = conversation;
    this.#members = [];
    byId("member-form").reset();
    if (conversation.isGroup) this.#run(byId("member-list"), () => this.#list());
  }

  render({ isGroup, isManaged, role, requests }) {
    byId("members-part").hidden = !isGroup;
    const members = this.#members.map(({ user_id: user, role }) => ({ user, note: ROLES[role] ?? "" }));
    reconcile(byId("member-list"), members.map((one) => this.#item(one)), ({ key, name, note }) => element("li", {},
      ...this.#who(key, name), note && element("span", { class: "quiet" }, note)));
    // Others would only be told that they may not.
    byId("member-form").hidden = !isManaged;
    byId("leave-group").hidden = role === "" || role === "owner";

    byId("requests-part").hidden = requests.length === 0;
    const asking = requests.map(({ user_id: user, note }) => this.#item({ user, note }));
    reconcile(byId("request-list"), asking, ({ key, name, note }) => element("li", {},
      ...this.#who(key, name, note && `“${note}”`),
      this.#answer("Let in", name, () => this.#api.approve(this.#conversation.group, key)),
      this.#answer("Refuse", name, () => this.#api.reject(this.#conversation.group, key))));
  }

  /** Names come a moment later than members. */
  #item({ user, note }) {
    const name = this.#names.of(user);
    return { key: user, version: JSON.stringify([name, note]), name, note };
  }

  #who(user, name, words) {
    return [
      element("span", { class: "avatar", "data-hue": hue(user), "aria-hidden": "true" }, initials(name)),
      element("span", { class: "line-text" }, element("span", { class: "line-title" }, user === this.#chat.me ? `${name} (you)` : name),
        words && element("span", { class: "quiet" }, words)),
    ];
  }

  #answer(words, name, action) {
    const pressed = ({ currentTarget }) => this.#run(currentTarget, async () => {
      await action();
      await this.#list();
    });
    return element("button", { type: "button", "aria-label": `${words}: ${name}`, onclick: pressed }, words);
  }

  async #list() {
    const conversation = this.#conversation;
    const members = await this.#api.members(conversation.group);
    if (conversation === this.#conversation) this.#members = members;
  }
}
