// Who is in a group and who asks to be: the lists, what members are, adding, inviting and removing people, letting them in, leaving.

import { byId, element, reconcile, setText } from "./dom.js";
import { hue, initials } from "./format.js";

// Lists follow what happens to a group within a second.
const LISTED_MS = 1_200;
// The owner thought better of it.
const STAYS = Symbol("the group stays with its owner");
const ROLES = { owner: "Owner", admin: "Admin", member: "Member" };

export class Members {
  #api;
  #chat;
  #names;
  #run;
  #conversation = null;
  #members = [];
  #head = 0;
  #planned;

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
    this.#head = conversation.head;
    byId("member-form").reset();
    if (!conversation.isGroup) return;
    this.#run(byId("member-list"), () => this.#list());
    // What happened just before shows then.
    this.#planList();
  }

  render({ isGroup, isManaged, role, requests, head }) {
    byId("members-part").hidden = !isGroup;
    if (isGroup && head > this.#head) this.#planList();
    this.#head = head;
    const members = this.#members.map(({ user, role: its }) => ({ user, note: its, may: this.#may(role, user, its) }));
    reconcile(byId("member-list"), members.map((one) => this.#item(one)), ({ key, name, note, may }) => element("li", {},
      ...this.#who(key, name),
      may.rank ? this.#rank(key, name, note) : note !== "member" && element("span", { class: "quiet" }, ROLES[note]),
      may.remove && this.#button("Remove", name, () => this.#remove(key))));
    // Others would only be told that they may not.
    byId("member-form").hidden = !isManaged;
    byId("leave-group").hidden = role === "" || role === "owner";

    byId("requests-part").hidden = requests.length === 0;
    const asking = requests.map(({ user, note }) => this.#item({ user, note }));
    reconcile(byId("request-list"), asking, ({ key, name, note }) => element("li", {},
      ...this.#who(key, name, note && `“${note}”`),
      this.#answer("Let in", name, () => this.#api.approve(this.#conversation.group, key)),
      this.#answer("Refuse", name, () => this.#api.reject(this.#conversation.group, key))));
  }

  /** What somebody with this role may do with a member, as docs/GROUPS.md says. */
  #may(own, user, role) {
    const isOther = user !== this.#chat.me && role !== "owner";
    return { rank: isOther && own === "owner", remove: isOther && (own === "owner" || (own === "admin" && role === "member")) };
  }

  /** Names come a moment later than members. */
  #item({ user, note, may }) {
    const name = this.#names.of(user);
    return { key: user, version: JSON.stringify([name, note, may]), name, note, may };
  }

  /** Chooses what a member is. */
  #rank(user, name, role) {
    const chosen = element("select", { "aria-label": `Role of ${name}` },
      ...Object.keys(ROLES).reverse().map((one) => element("option", { value: one, selected: one === role }, ROLES[one])));
    chosen.addEventListener("change", () => this.#run(chosen, async () => {
      try {
        if (chosen.value === "owner") await this.#handOver(user, name);
        else await this.#api.setRole(this.#conversation.group, user, chosen.value);
        this.#members = this.#members.map((one) => (one.user === user ? { ...one, role: chosen.value } : one));
      } catch (refused) {
        chosen.value = role;
        if (refused !== STAYS) throw refused;
      }
    }));
    return chosen;
  }

  async #handOver(user, name) {
    if (!window.confirm(`Hand the group over to ${name}? You stay as an admin, and only ${name} can give it back.`)) throw STAYS;
    await this.#api.handOver(this.#conversation.group, user);
    await this.#list();
  }

  async #remove(user) {
    await this.#api.removeMember(this.#conversation.group, user);
    this.#members = this.#members.filter((one) => one.user !== user);
  }

  #who(user, name, words) {
    return [
      element("span", { class: "avatar", "data-hue": hue(user), "aria-hidden": "true" }, initials(name)),
      element("span", { class: "line-text" }, element("span", { class: "line-title" }, user === this.#chat.me ? `${name} (you)` : name),
        words && element("span", { class: "quiet" }, words)),
    ];
  }

  #answer(words, name, action) {
    return this.#button(words, name, async () => {
      await action();
      await this.#list();
    });
  }

  #button(words, name, action) {
    const pressed = ({ currentTarget }) => this.#run(currentTarget, action);
    return element("button", { type: "button", "aria-label": `${words}: ${name}`, onclick: pressed }, words);
  }

  /** Whoever else does something is seen, too. */
  #planList() {
    clearTimeout(this.#planned);
    this.#planned = setTimeout(() => {
      // Should it fail, the next change makes it good.
      if (!this.#conversation.left) this.#list().then(() => this.#chat.lookUp(), () => {});
    }, LISTED_MS);
  }

  async #list() {
    const conversation = this.#conversation;
    const members = await this.#api.members(conversation.group);
    if (conversation === this.#conversation) this.#members = members;
  }
}
