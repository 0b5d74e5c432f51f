// What happened to a group, in one line of words.

const UNTIL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
// Mutes without an end are written as one in the year 9999.
const FOREVER_MS = 200_000_000_000_000;

/** A change of a group, or words of a service. `name` tells what a user is called. */
export function notice(system, sender, name) {
  const [kind, change] = Object.entries(system).find(([kind]) => kind in NOTICES) ?? [];
  if (!kind) return "The group was changed";
  const users = (change.users ?? []).map(name).join(", ");
  return NOTICES[kind](name(sender), change, users, name);
}

const NOTICES = {
  created: (who, { name }) => `${who} created the group “${name ?? ""}”`,
  edited: (who, change) => `${who} ${edits(change)}`,
  joined: (who, _, users) => `${users || who} joined`,
  joined_by_link: (who, { user }, _, name) => `${user ? name(user) : who} joined through a link`,
  left: (who, _, users) => `${users || who} left`,
  added: (who, _, users) => `${who} added ${users}`,
  removed: (who, _, users) => `${who} removed ${users}`,
  dismissed: (who) => `${who} dismissed the group`,
  role_set: (who, { role }, users) => `${who} made ${users} ${role === "admin" ? "admin" : "an ordinary member"}`,
  transferred: (who, { to }, _, name) => `${who} handed the group over to ${name(to)}`,
  muted: (who, { until }, users) => isOver(until) ? `${who} let ${users} speak again` : `${who} muted ${users}${end(until)}`,
  all_muted: (who, { until }) => isOver(until) ? `${who} let everyone speak again` : `${who} muted everyone${end(until)}`,
  nicknamed: (who, { user, nickname }, _, name) => nickname ? `${name(user)} is called “${nickname}” here` : `${name(user)} has no other name here any more`,
  join_asked: (who, { user, note }, _, name) => `${user ? name(user) : who} asks to join${note ? `: “${note}”` : ""}`,
  join_approved: (who, _, users) => `${who} let ${users} in`,
  join_rejected: (who, _, users) => `${who} did not let ${users} in`,
  invited: (who, _, users) => `${who} invited ${users}`,
  uninvited: (_, __, users) => `${users} is no longer invited`,
  link_made: (who) => `${who} made a link to join`,
  link_ended: (who) => `${who} ended a link to join`,
  retention_set: (who, { seconds }) => Number(seconds ?? 0)
    ? `${who} lets messages stay for ${span(Number(seconds))}` : `${who} lets messages stay as long as the server keeps them`,
  notice: (_, { text }) => text ?? "",
};

const JOINS = { open: "lets everyone join", request: "lets those join who are approved", invitation: "lets those join who are invited" };

/** What of a group was changed; the most telling first. */
function edits({ name, announcement, description, avatar, attributes, join, history, read_only: readOnly, members_max: most }) {
  const said = [];
  if (name !== undefined) said.push(`named the group “${name}”`);
  if (announcement) said.push(`announced: ${announcement}`);
  if (announcement === "") said.push("took the announcement away");
  if (description !== undefined) said.push("changed the description");
  if (avatar !== undefined) said.push("changed the picture");
  if (join !== undefined) said.push(JOINS[join] ?? "changed how one joins");
  if (history !== undefined) said.push(history === "whole" ? "lets new members read everything" : "lets new members read what is new");
  if (readOnly !== undefined) said.push(readOnly ? "lets only admins send" : "lets everyone send");
  if (most !== undefined) said.push("changed how many members there may be");
  if (attributes !== undefined && said.length === 0) said.push("changed the group's attributes");
  return said.join(", ") || "changed the group";
}

const isOver = (until) => !Number(until ?? 0);
const end = (until) => Number(until) > FOREVER_MS ? "" : ` until ${UNTIL.format(Number(until))}`;

const SPANS = [[86_400, "day"], [3_600, "hour"], [60, "minute"], [1, "second"]];

/** So many seconds in the largest unit that fits them. */
export function span(seconds) {
  const [of, unit] = SPANS.find(([of]) => seconds % of === 0);
  return `${seconds / of} ${unit}${seconds === of ? "" : "s"}`;
}
