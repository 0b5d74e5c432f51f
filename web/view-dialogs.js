// The dialogs that begin a chat or a group.

import { byId, setText } from "./dom.js";

/**
 * Opens when `opener` is pressed. `submit` gives the conversation to open, or throws, and its words are shown.
 */
function setUpDialog(opener, dialog, submit, open) {
  const form = dialog.querySelector("form");
  const problem = dialog.querySelector(".problem");
  const button = dialog.querySelector("[type=submit]");
  opener.addEventListener("click", () => {
    form.reset();
    setText(problem, "");
    dialog.showModal();
  });
  dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    setText(problem, "");
    button.disabled = true;
    try {
      const conversation = await submit();
      // First, since it gives the focus back to the opener.
      dialog.close();
      open(conversation);
    } catch (refused) {
      setText(problem, refused instanceof TypeError ? "The server cannot be reached." : refused.message);
    } finally {
      button.disabled = false;
    }
  });
}

/** The user that was named, or an error in words. */
async function find(api, names, text) {
  const user = await api.findUser(text);
  if (!user) throw new Error(`There is no user “${text}”.`);
  names.learn(user);
  return user.user_id;
}

export function setUpNewChat(api, chat, names, open) {
  setUpDialog(byId("new-chat"), byId("chat-dialog"), async () => {
    const user = await find(api, names, byId("chat-with").value.trim());
    return chat.direct(user);
  }, open);
}

export function setUpNewGroup(api, chat, names, open) {
  setUpDialog(byId("new-group"), byId("group-dialog"), async () => {
    const name = byId("group-name").value.trim();
    if (name === "") throw new Error("A group has a name.");
    const named = byId("group-members").value.split(/[\s,;]+/u).filter(Boolean);
    const members = await Promise.all(named.map((text) => find(api, names, text)));
    const group = await api.createGroup(name, [...new Set(members)].filter((user) => user !== chat.me));
    return chat.group(group.conversation, name);
  }, open);
}
