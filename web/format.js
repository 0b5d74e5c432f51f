// Times, initials and entries as people read them.

import { notice } from "./notices.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export const clock = (time) => CLOCK.format(time);
export const day = (time) => DAY.format(time);
export const isSameDay = (a, b) => new Date(a).toDateString() === new Date(b).toDateString();

/** The clock today, the day before that. */
export function shortTime(time, now = Date.now()) {
  if (!time) return "";
  return isSameDay(time, now) ? clock(time) : SHORT_DAY.format(time);
}

/** One or two letters for an avatar. */
export function initials(name) {
  const words = name.split(/[\s._-]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)].map((word) => [...word][0]) : [...name].slice(0, 1);
  return letters.join("").toUpperCase();
}

/** One of twelve colours, the same for the same id. */
export function hue(id) {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + char.codePointAt(0)) >>> 0;
  return hash % 12;
}

/** What an entry says, as one line of text. `name` tells what a user is called. */
export function words(entry, name) {
  const { body, sender } = entry;
  if (typeof body.text === "string") return body.text;
  if (body.custom) return `[${body.custom.type || "custom"}]`;
  if (!body.system) return "[a message that this page cannot show]";
  return notice(body.system, sender, name);
}
