// The dialogs that begin a chat or a group.

import { byId, element, setText } from "./dom.js";

// The server looks for nothing shorter, and slows down who looks often.
const SEARCH_CHARS_MIN = 2;
const SEARCH_DELAY_MS = 400;

/** Why something was not done, for whoever asked for it. */
export const inWords = (refused) => (refused instanceof TypeError ? "The server cannot be reached." : refused.message);

/**
 * Opens when `opener` is pressed, or what is given back is called. `submit` gives what `done` is then called with, or throws,
 * and its words are shown.
 */
export function setUpDialog(opener, dialog, submit, done) {
  const form = dialog.querySelector("form");
  const problem = dialog.querySelector(".problem");
  const button = dialog.querySelector("[type=submit]");
  const open = () => {
    form.reset();
    setText(problem, "");
    if (!dialog.open) dialog.showModal();
  };
  opener.addEventListener("click", open);
  dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    setText(problem, "");
    button.disabled = true;
    try {
      const result = await submit();
      // First, since it gives the focus back to the opener.
      dialog.close();
      done(result);
    } catch (refused) {
      setText(problem, inWords(refused));
    } finally {
      button.disabled = false;
    }
  });
  return open;
}

/** The user that was named, or an error in words. */
async function find(api, names, text) {
  const user = await api.findUser(text);
  if (!user) throw new Error(`There is no user “${text}”.`);
  names.learn(user);
  return user.user_id;
}

/** The users that were named with commas between, each once. */
export async function findAll(api, names, text) {
  const named = text.split(/[\s,;]+/u).filter(Boolean);
  return [...new Set(await Promise.all(named.map((one) => find(api, names, one))))];
}

/** Offers users whose usernames or nicknames begin with what was typed so far. */
function suggestUsers(api, input, list) {
  let planned;
  input.addEventListener("input", () => {
    clearTimeout(planned);
    const prefix = input.value.trim();
    if ([...prefix].length < SEARCH_CHARS_MIN) list.replaceChildren();
    else planned = setTimeout(() => suggest(prefix), SEARCH_DELAY_MS);
  });

  async function suggest(prefix) {
    // Whoever is not found can be named all the same.
    const users = await api.usersBeginning(prefix).catch(() => []);
    if (input.value.trim() !== prefix) return;
    list.replaceChildren(...users.map(({ username, nickname }) =>
      element("option", { value: username, label: nickname === username ? false : nickname })));
  }
}

export function setUpNewChat(api, chat, names, open) {
  suggestUsers(api, byId("chat-with"), byId("chat-with-users"));
  setUpDialog(byId("new-chat"), byId("chat-dialog"), async () => {
    const user = await find(api, names, byId("chat-with").value.trim());
    return chat.direct(user);
  }, open);
}

export function setUpNewGroup(api, chat, names, open) {
  setUpDialog(byId("new-group"), byId("group-dialog"), async () => {
    const name = byId("group-name").value.trim();
    if (name === "") throw new Error("A group has a name.");
    const members = await findAll(api, names, byId("group-members").value);
    const group = await api.createGroup(name, members.filter((user) => user !== chat.me));
    return chat.group(group.conversation, name);
  }, open);
}
