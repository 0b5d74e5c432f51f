// Times, initials and entries as people read them.

import { changeOf, isExpired } from "./changes.js";
import { notice } from "./notices.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const DAYS_AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const DAY_MS = 86_400_000;

export const clock = (time) => CLOCK.format(time);
export const isSameDay = (a, b) => new Date(a).toDateString() === new Date(b).toDateString();

/** Today and yesterday by their names, other days by their dates. */
export function day(time, now = Date.now()) {
  const ago = daysAgo(time, now);
  return ago === 0 || ago === 1 ? inDays(ago) : DAY.format(time);
}

/** The clock today, for a week the day before that, the date earlier. */
export function shortTime(time, now = Date.now()) {
  if (!time) return "";
  const ago = daysAgo(time, now);
  if (ago <= 0) return clock(time);
  if (ago === 1) return inDays(ago);
  return ago < 7 ? WEEKDAY.format(time) : SHORT_DAY.format(time);
}

/** Midnights between then and now. A day that clocks are changed on is an hour longer or shorter. */
function daysAgo(time, now) {
  const [from, to] = [time, now].map((one) => new Date(one).setHours(0, 0, 0, 0));
  return Math.round((to - from) / DAY_MS);
}

function inDays(ago) {
  const said = DAYS_AGO.format(-ago, "day");
  return said.charAt(0).toLocaleUpperCase() + said.slice(1);
}

/** Day and clock. */
export const moment = (time) => MOMENT.format(time);

const LEFT = [[DAY_MS, "day"], [3_600_000, "hour"], [60_000, "minute"], [1_000, "second"]];

/** So many milliseconds in the largest unit that fits them, rounded up. */
export function timeLeft(ms) {
  const [of, unit] = LEFT.find(([of]) => ms > of) ?? LEFT.at(-1);
  return new Intl.NumberFormat(undefined, { style: "unit", unit, unitDisplay: "narrow" }).format(Math.max(0, Math.ceil(ms / of)));
}

/** Whether somebody is there, or when they were. */
export function presenceWords({ state, lastSeen }, now = Date.now()) {
  if (state === "online") return "online";
  if (!lastSeen) return state === "away" ? "away" : "";
  const seen = isSameDay(lastSeen, now) ? clock(lastSeen) : `${shortTime(lastSeen, now)}, ${clock(lastSeen)}`;
  return state === "away" ? `away since ${seen}` : `last seen ${seen}`;
}

/** One or two letters for an avatar. */
export function initials(name) {
  const words = name.split(/[\s._-]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)].map((word) => [...word][0]) : [...name].slice(0, 1);
  return letters.join("").toUpperCase();
}

/** Colours of names and avatars; style.css has each. */
export const HUES = 12;

/** The colour of an id, the same for the same id. */
export function hue(id) {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + char.codePointAt(0)) >>> 0;
  return hash % HUES;
}

/** What an entry says, as text. `name` tells what a user is called. */
export function words(entry, name) {
  const { body, sender, state } = entry;
  if (state?.recalled) return recalledWords(entry, name);
  if (isExpired(entry)) return `A message of ${name(sender)} has expired`;
  if (body.system) return notice(body.system, sender, name);
  const change = changeOf(entry);
  return change ? `${name(sender)} ${CHANGES[change.kind](change)}` : said(body, name);
}

/** Who took a message back, and whose it was where that is another. */
export function recalledWords({ sender, state: { recalled } }, name) {
  const whose = recalled.by === sender ? "" : ` of ${name(sender)}`;
  return `${name(recalled.by)} recalled a message${whose}`;
}

const CHANGES = {
  recall: () => "recalled a message",
  edit: ({ body }) => (body ? `edited a message: ${said(body, (user) => user)}` : "edited a message"),
  react: ({ reaction, remove }) => (remove ? `took ${reaction} back` : `reacted with ${reaction}`),
  pin: ({ remove }) => (remove ? "unpinned a message" : "pinned a message"),
};

/** What a body says: its text, or what kind of thing it is. */
function said(body, name) {
  if (typeof body.text === "string") return body.text;
  const kind = Object.keys(KINDS).find((one) => body[one]);
  return kind ? KINDS[kind](body[kind], name) : "[a message that this page cannot show]";
}

const KINDS = {
  image: (media) => medium("Image", media),
  file: (media) => medium("File", media),
  voice: (media) => medium("Voice message", media),
  video: (media) => medium("Video", media),
  location: ({ latitude = 0, longitude = 0, name, address }) =>
    ["[Location]", [name, address].filter(Boolean).join(", ") || `${latitude}, ${longitude}`].join(" "),
  contact: ({ user, name: called }, name) => `[Contact] ${called || name(user)}`,
  merged: ({ title, messages = [] }, name) => [`[Messages] ${title ?? ""}`,
    ...messages.map((one) => `${one.name || name(one.sender)}: ${said(one.body ?? {}, name)}`)].join("\n"),
  custom: ({ type }) => `[${type || "custom"}]`,
};

/** A medium by its kind, name, length and size, and where it is when that is an address of the web. */
function medium(kind, { name, size, duration_ms: duration, url }) {
  const facts = [duration && seconds(duration), Number(size) > 0 && bytes(Number(size))].filter(Boolean).join(", ");
  return [`[${kind}]`, name, facts && `(${facts})`, url].filter(Boolean).join(" ");
}

function seconds(ms) {
  const all = Math.round(Number(ms) / 1_000);
  return `${Math.floor(all / 60)}:${String(all % 60).padStart(2, "0")}`;
}

function bytes(count) {
  const units = ["B", "KB", "MB", "GB"];
  const unit = Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return `${Number((count / 1_000 ** unit).toPrecision(3))} ${units[unit]}`;
}
