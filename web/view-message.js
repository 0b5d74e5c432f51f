// One message on the screen: what it says, what it answers, what became of it.

import { endOf, isExpired } from "./changes.js";
import { element, setText } from "./dom.js";
import { clock, hue, moment, timeLeft, words } from "./format.js";
import { pieces } from "./links.js";
import { mentioning } from "./names.js";
import { makeConfirmation, showConfirmation } from "./view-confirmations.js";

const QUOTE_MAX = 140;
const TICKS = {
  sending: ["…", "sending"],
  sent: ["✓", "sent"],
  delivered: ["✓✓", "delivered"],
  read: ["✓✓", "read"],
};
// One to three emoji and nothing else.
const ONLY_EMOJI = /^(?:\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\uFE0F|\u200D\p{Extended_Pictographic})*\s?){1,3}$/u;
const EVERYBODY = ["all", "everyone", "everybody"];

/** Everything about a message that is shown, as plain values: another version is another element. */
export function shown({ body, state, sender }, { chat, conversation, names }) {
  const name = (user) => names.of(user);
  const { mentions, reply_to: reply, forward } = body;
  return {
    text: words({ body, sender, state }, name),
    quote: reply ? quote(chat, conversation, Number(reply.seq ?? 0), name) : null,
    forwarded: forward ? `Forwarded${forward.sender ? ` from ${name(forward.sender)}` : ""}` : "",
    handles: [...(mentions?.users ?? []).flatMap((user) => names.handles(user)), ...(mentions?.all ? EVERYBODY : [])],
    isForMe: sender !== chat.me && Boolean(mentions?.all || mentions?.users?.includes(chat.me)),
    isEdited: state.isEdited,
    isPinned: state.pinned !== null,
    expires: Boolean(body.expiry),
    mustConfirm: Boolean(body.must_confirm),
    reactions: state.reactions.map(({ reaction, count, users }) => ({
      reaction, count, isMine: users.includes(chat.me), who: users.map(name).join(", "),
    })),
  };
}

function quote(chat, conversation, seq, name) {
  const message = chat.message(conversation, seq);
  if (!message) return { seq, who: "", text: "An earlier message" };
  const text = words(message, name);
  return { seq, who: message.state.recalled || isExpired(message) ? "" : name(message.sender), text: [...text].slice(0, QUOTE_MAX).join("") };
}

export function makeMessage({ own, name, sender, seq, time, shown: it }) {
  return element("div", { class: `message ${own ? "own" : "other"}${it.isForMe ? " for-me" : ""}`, "data-seq": seq },
    name && element("span", { class: "sender", "data-hue": hue(sender) }, name),
    element("div", { class: "bubble" },
      it.forwarded && element("span", { class: "forwarded quiet" }, it.forwarded),
      it.quote && element("button", { type: "button", class: "quote", "data-quote": String(it.quote.seq) },
        it.quote.who && element("strong", {}, it.quote.who), element("span", {}, it.quote.text)),
      it.mustConfirm && element("span", { class: "asks quiet" }, "To be confirmed"),
      written(it.text, it.handles),
      it.mustConfirm && makeConfirmation(),
      element("span", { class: "meta" },
        it.isPinned && element("span", { class: "pinned", role: "img", "aria-label": "pinned", title: "pinned" }, "📌"),
        it.expires && element("span", { class: "left", role: "img" }),
        it.isEdited && element("span", { class: "edited" }, "edited"),
        element("time", { datetime: new Date(time).toISOString() }, clock(time)),
        own && element("span", { class: "tick", role: "img" }),
        element("button", { type: "button", class: "more", "data-menu": "", "aria-label": "Actions" }, "⋯"))),
    it.reactions.length > 0 && element("div", { class: "reactions" }, ...it.reactions.map(chip)));
}

function chip({ reaction, count, isMine, who }) {
  return element("button", {
    type: "button", class: "chip", "data-reaction": reaction, "aria-pressed": String(isMine), title: who,
    "aria-label": `${reaction} ${count}: ${who}`,
  }, `${reaction} ${count}`);
}

/** A message that was refused for good. */
export function makeFailed({ message }, again, discard) {
  return element("div", { class: "message own failed" },
    element("div", { class: "bubble" }, written(message.text)),
    element("span", { class: "meta", role: "alert" },
      element("span", { class: "tick", "data-state": "failed" }, `Not sent: ${message.problem}`),
      element("button", { type: "button", class: "link", onclick: again }, "Try again"),
      element("button", { type: "button", class: "link", onclick: discard }, "Discard")));
}

const NOT_DONE = { recall: "Not recalled", edit: "Not edited", react: "No reaction", pin: "Not pinned" };

/** A change of a message that was refused for good. */
export function makeFailedChange({ message }, discard) {
  return element("div", { class: "system failed", role: "alert" },
    `${NOT_DONE[message.name]}: ${message.problem} `,
    element("button", { type: "button", class: "link", onclick: discard }, "Close"));
}

/**
 * What changes about a message after it was made. An own one has a `progress` and, in a group, a number of `readers`; it has no
 * `seq` before it is acknowledged. `confirming` is who has confirmed it.
 */
export function changing({ seq, time, body }, confirming, progress = "", readers = 0) {
  const end = endOf({ time, body });
  const now = { progress, seq: seq && String(seq), readers, end, confirming };
  return { ...now, state: JSON.stringify([now, clock(time)]) };
}

export function showChanging(message, item) {
  if (item.progress) showProgress(message, item);
  const left = message.querySelector(".left");
  if (left) left.dataset.end = String(item.end);
  showConfirmation(message, item.confirming);
}

function showProgress(message, { progress, seq, time, readers }) {
  const [mark, state] = TICKS[progress];
  const label = readers > 0 ? `read by ${readers}` : state;
  const tick = message.querySelector(".tick");
  tick.dataset.state = progress;
  tick.ariaLabel = label;
  tick.title = label;
  setText(tick, mark);
  setText(message.querySelector("time"), clock(time));
  message.classList.toggle("sending", progress === "sending");
  if (seq) message.dataset.seq = seq;
}

/** How long a message has that goes by itself; for those who listen only when that is. */
export function showTimeLeft(left) {
  const end = Number(left.dataset.end);
  left.ariaLabel = `expires ${moment(end)}`;
  left.title = left.ariaLabel;
  setText(left, `${timeLeft(end - Date.now())} left`);
}

/** What somebody wrote, with its addresses as links and its mentions marked. */
function written(text, handles = []) {
  const link = ({ text: shown, href }) => element("a", { href, target: "_blank", rel: "noopener noreferrer" }, shown);
  const parts = pieces(text).flatMap((piece) => (piece.href ? link(piece) : marked(piece.text, mentioning(handles))));
  return element("p", { class: ONLY_EMOJI.test(text) ? "text only-emoji" : "text", dir: "auto" }, ...parts);
}

function marked(text, mention) {
  const parts = [];
  let rest = text;
  for (let found = mention?.exec(rest); found; found = mention.exec(rest)) {
    parts.push(rest.slice(0, found.index), element("mark", { class: "mention" }, found[0]));
    rest = rest.slice(found.index + found[0].length);
  }
  return [...parts, rest].filter((part) => part !== "");
}
