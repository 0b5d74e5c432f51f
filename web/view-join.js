// Coming into a group: through a link, by its id, or by an invitation of one's own.

import { byId, element, reconcile, setText } from "./dom.js";
import { hue, initials } from "./format.js";
import { forgetLink, keptLink, readLink, takeLink } from "./join-link.js";
import { inWords, setUpDialog } from "./view-dialogs.js";

const REFUSED = {
  JOIN_CLOSED: "This link has ended, or one is in this group by invitation only.",
  NOT_FOUND: "There is no such group.",
  DISMISSED: "This group has ended.",
  GROUP_FULL: "This group is full.",
};

export class Joining {
  #api;
  #chat;
  #names;
  #joined;
  #asked;
  #openDialog;

  /** `joined` is called with the conversation, `asked` when others are to decide. */
  constructor(api, chat, names, { joined, asked }) {
    this.#api = api;
    this.#chat = chat;
    this.#names = names;
    this.#joined = joined;
    this.#asked = asked;
    this.#openDialog = setUpDialog(byId("join"), byId("join-dialog"), () => this.#submit(), (conversation) => {
      if (conversation) joined(conversation);
      else asked();
    });
    byId("join").addEventListener("click", () => this.#explain(null));
    byId("join-where").addEventListener("input", () => this.#explain(readLink(byId("join-where").value)));
    addEventListener("hashchange", () => this.offer());
  }

  /** Asks whether to use the link with which the page was opened, if it was. */
  offer() {
    takeLink();
    const link = keptLink();
    if (!link) return;
    forgetLink();
    this.#openDialog();
    byId("join-where").value = `#${new URLSearchParams({ group: link.group, link: link.token, name: link.name })}`;
    this.#explain(link);
    byId("join-where-row").hidden = true;
    byId("join-submit").focus();
  }

  /** Invitations that wait for an answer, above the list. */
  render() {
    const items = this.#chat.invitations().map((conversation) => {
      const { name } = conversation;
      const by = this.#names.of(conversation.invitation.by);
      return { key: conversation.id, version: JSON.stringify([name, by]), conversation, name, by };
    });
    reconcile(byId("invitations"), items, ({ key, conversation, name, by }) => element("li", {},
      element("span", { class: "avatar", "data-hue": hue(key), "aria-hidden": "true" }, initials(name)),
      element("span", { class: "line-text" },
        element("strong", { class: "line-title" }, name), element("span", { class: "quiet" }, `${by} invites you`)),
      element("button", { type: "button", class: "primary", onclick: (event) => this.#answer(event, conversation, true) }, "Join"),
      element("button", { type: "button", onclick: (event) => this.#answer(event, conversation, false) }, "Decline")));
  }

  /** What will happen with what was given so far. */
  #explain(link) {
    byId("join-where-row").hidden = false;
    byId("join-note-row").hidden = link?.token !== "";
    setText(byId("join-words"), link?.name ? `You have a link to “${link.name}”.` : "");
  }

  async #submit() {
    const link = readLink(byId("join-where").value);
    if (!link) throw new Error("This is neither a link nor the id of a group.");
    const { group, token } = link;
    try {
      const { pending } = token
        ? await this.#api.joinByLink(group, token) : await this.#api.askToJoin(group, byId("join-note").value.trim());
      return pending ? null : await this.#come(group);
    } catch (refused) {
      throw REFUSED[refused.name] ? new Error(REFUSED[refused.name]) : refused;
    }
  }

  async #come(group) {
    const { conversation, name } = await this.#api.group(group);
    return this.#chat.group(conversation, name);
  }

  async #answer({ currentTarget: button }, conversation, isAccepted) {
    button.disabled = true;
    try {
      const { group } = conversation;
      if (isAccepted) {
        await this.#api.acceptInvitation(group);
        this.#joined(await this.#come(group));
      } else {
        await this.#api.declineInvitation(group);
        this.#chat.answered(conversation);
      }
    } catch (refused) {
      this.#asked(inWords(refused));
      button.disabled = false;
    }
  }
}
