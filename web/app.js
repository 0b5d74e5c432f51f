// Puts the page together: entrance, connection, state, views.

import { Api } from "./api.js";
import { Chat } from "./chat.js";
import { Connection } from "./connection.js";
import { byId, setText } from "./dom.js";
import { hue, initials, words } from "./format.js";
import { keptLink, takeLink } from "./join-link.js";
import { Names } from "./names.js";
import { Notifier } from "./notifier.js";
import { Presence } from "./presence.js";
import { ChatView } from "./view-chat.js";
import { Confirmations } from "./view-confirmations.js";
import { Details } from "./view-details.js";
import { findAll, setUpNewChat, setUpNewGroup } from "./view-dialogs.js";
import { Entrance } from "./view-entrance.js";
import { Joining } from "./view-join.js";
import { Keeping } from "./view-keeping.js";
import { Links } from "./view-links.js";
import { List } from "./view-list.js";
import { Members } from "./view-members.js";
import { OwnPart } from "./view-own.js";
import { Readers } from "./view-readers.js";

const LINK_WORDS = { connecting: "Connecting…", online: "Online", waiting: "Reconnecting…", stopped: "Disconnected" };
// Where the list and the chat do not fit side by side; as in style.css.
const NARROW = matchMedia("(max-width: 719px)");
const REASON = "tidegate.reason";

const api = new Api();

takeLink();
if (api.signedIn) {
  start();
} else {
  new Entrance(api, start, keptLink()).open(sessionStorage.getItem(REASON) ?? "");
  sessionStorage.removeItem(REASON);
}

function start() {
  const app = byId("app");
  app.hidden = false;
  const names = new Names(api, render);
  const chat = new Chat(api.userId, render, api);
  const presence = new Presence(render);
  const list = new List(chat, names, presence, new Notifier(open), open);
  const view = new ChatView(chat, names, presence, new Readers(api, names), (conversation) => list.title(conversation));
  const joining = new Joining(api, chat, names, {
    joined: open,
    asked: (words = "You asked to join. The group appears here when somebody lets you in.") => tell(words),
  });
  const confirmations = new Confirmations(api, chat, names, tell);
  const details = new Details(chat, (conversation) => list.title(conversation), (run) => [
    new OwnPart(api, run, closeChat),
    new Members(api, chat, names, run, { find: (text) => findAll(api, names, text), left: leaveGroup }),
    new Links(api, run),
    new Keeping(api, run),
  ]);
  const connection = new Connection(api, {
    onState: (link) => {
      showLink(link);
      if (link.state === "online") return;
      chat.disconnected();
      presence.disconnected();
      render();
    },
    onFrame: (name, content) => {
      if (name === "broadcast") showTold(content, names);
      presence.take(name, content);
      chat.take(name, content);
    },
    onSignedOut: leave,
  });
  chat.attach(connection);
  presence.attach(connection);

  // Many frames may come in one go; the screen is made once for all of them.
  let planned = false;
  function render() {
    if (planned) return;
    planned = true;
    setTimeout(() => {
      planned = false;
      draw();
    });
  }

  function draw() {
    presence.watch(chat.others());
    list.render();
    view.render();
    details.render();
    confirmations.render();
    joining.render();
    showMe(names.of(chat.me), names.username(chat.me));
  }

  function open(conversation) {
    chat.open(conversation);
    // The way back of the browser, or of the phone, leads from the chat to the list.
    if (app.dataset.showing !== "chat") history.pushState({ showing: "chat" }, "");
    app.dataset.showing = "chat";
    draw();
    // A phone's keyboard would cover what one came to read.
    byId(NARROW.matches ? "messages" : "draft").focus({ preventScroll: true });
  }

  function backToList() {
    const left = chat.current;
    app.dataset.showing = "list";
    chat.open(null);
    draw();
    list.focus(left);
  }

  function closeChat() {
    details.close();
    history.back();
  }

  function leaveGroup(conversation) {
    chat.left(conversation);
    closeChat();
  }

  if (history.state) history.replaceState(null, "");
  addEventListener("popstate", (event) => !event.state && app.dataset.showing === "chat" && backToList());
  byId("back").addEventListener("click", () => history.back());
  byId("sign-out").addEventListener("click", async () => {
    connection.stop();
    await api.logout();
    leave("");
  });
  byId("told-seen").addEventListener("click", () => tell(""));
  byId("try-now").addEventListener("click", () => connection.tryNow());
  document.addEventListener("visibilitychange", () => {
    const isLookedAt = document.visibilityState === "visible";
    presence.report(isLookedAt);
    if (isLookedAt) connection.hurry();
    else chat.own.keepDrafts();
  });
  addEventListener("beforeunload", (event) => chat.hasUnsent && api.signedIn && event.preventDefault());
  setUpNewChat(api, chat, names, open);
  setUpNewGroup(api, chat, names, open);
  connection.start();
  render();
  joining.offer();
}

function showMe(name, username) {
  setText(byId("me-name"), name);
  setText(byId("me-username"), username && `@${username}`);
  const avatar = byId("me-avatar");
  setText(avatar, initials(name));
  avatar.dataset.hue = hue(api.userId ?? "");
}

function showLink({ state, detail }) {
  const shown = byId("link-state");
  shown.dataset.state = state;
  setText(shown, LINK_WORDS[state]);
  // Also seen where the list is not; the attempts in between change nothing about it.
  const trouble = byId("trouble-words");
  if (state === "online") setText(trouble, "");
  else if (state !== "connecting") setText(trouble, detail || "Connection lost. Reconnecting…");
  trouble.parentElement.hidden = trouble.textContent === "";
}

/** What everybody is told stays until it was seen, or something newer is told. Services need no account, so nobody is asked for their names. */
function showTold({ body, sender }, names) {
  tell(words({ body, sender }, (user) => (user === sender ? user : names.of(user))));
}

function tell(text) {
  const shown = byId("told-words");
  setText(shown, text);
  shown.parentElement.hidden = text === "";
}

/** Back to the entrance, with nothing left of this login: a fresh page. */
function leave(reason) {
  api.forget();
  if (reason) sessionStorage.setItem(REASON, reason);
  location.reload();
}
