// Who is in the open group: the list, adding people, leaving.

import { byId, element, reconcile, setText } from "./dom.js";
import { hue, initials } from "./format.js";
import { setUpDialog } from "./view-dialogs.js";

const ROLES = { owner: "Owner", admin: "Admin" };

export class MembersView {
  #api;
  #chat;
  #names;
  #dialog = byId("members-dialog");
  #members = [];
  #problem = this.#dialog.querySelector(".problem");

  /** `find` gives the user ids that a text names; `left` is called with the group that was left. */
  constructor(api, chat, names, { find, left }) {
    this.#api = api;
    this.#chat = chat;
    this.#names = names;
    setUpDialog(byId("members"), this.#dialog, async () => {
      const group = this.#group;
      const users = await find(byId("member-add").value);
      if (users.length > 0) await this.#api.addMembers(group, users);
    }, () => {});
    byId("members").addEventListener("click", () => this.#list());
    byId("leave-group").addEventListener("click", () => this.#leave(left));
  }

  get #group() {
    return this.#chat.current.group;
  }

  /** Names come a moment later than members. */
  render() {
    if (!this.#dialog.open) return;
    // The way back leads out of the group and of this.
    if (!this.#chat.current?.isGroup) {
      this.#dialog.close();
      return;
    }
    const items = this.#members.map(({ user_id: user, role }) => {
      const name = this.#names.of(user);
      return { key: user, version: `${role} ${name}`, name, role };
    });
    reconcile(byId("member-list"), items, ({ key, name, role }) => element("li", {},
      element("span", { class: "avatar", "data-hue": hue(key), "aria-hidden": "true" }, initials(name)),
      element("span", { class: "line-text line-title" }, key === this.#chat.me ? `${name} (you)` : name),
      ROLES[role] && element("span", { class: "quiet" }, ROLES[role])));
    // Others would only be told that they may not.
    const mine = this.#members.find((member) => member.user_id === this.#chat.me)?.role;
    byId("member-add-row").hidden = !(mine in ROLES);
    byId("member-add-submit").hidden = !(mine in ROLES);
    byId("leave-group").hidden = mine === undefined || mine === "owner";
  }

  async #list() {
    this.#members = [];
    this.render();
    try {
      this.#members = await this.#api.members(this.#group);
    } catch (refused) {
      this.#explain(refused);
    }
    this.render();
  }

  async #leave(left) {
    const conversation = this.#chat.current;
    try {
      await this.#api.leaveGroup(this.#group);
    } catch (refused) {
      this.#explain(refused);
      return;
    }
    this.#dialog.close();
    left(conversation);
  }

  #explain(refused) {
    setText(this.#problem, refused instanceof TypeError ? "The server cannot be reached." : refused.message);
  }
}
