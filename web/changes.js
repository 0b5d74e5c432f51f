// Changes of messages, as docs/PROTOCOL.md says: `recall`, `edit`, `react` and `pin` are entries of the log that say what
// became of an earlier one. An entry's `state` is what is known of that, and its `body` what it says now.

const KINDS = ["recall", "edit", "react", "pin"];
// What the server allows unless it is configured otherwise; it has the last word.
const EDIT_MS = 24 * 3_600_000;
// The server names as many of those who reacted, and counts the others.
const USERS_NAMED_MAX = 20;

/** What a change entry says: `{ kind, seq, … }` with the seq of the message; nothing of other entries. */
export function changeOf({ body }) {
  const kind = KINDS.find((one) => body[one]);
  return kind && { kind, ...body[kind], seq: Number(body[kind].message?.seq ?? 0) };
}

/** Whether an entry is a message: neither a change of one nor of the group. */
export const isMessage = (entry) => !entry.body.system && !changeOf(entry);

/** When a message expires, Unix milliseconds; nothing of one that does not. An own one that was just sent knows only for how long. */
export const endOf = ({ body, time }) =>
  body.expiry && (Number(body.expiry.time ?? 0) || time + Number(body.expiry.after_seconds ?? 0) * 1000);

/** Whether a message has expired: as the server says, or by the clock here. */
export const isExpired = (entry, now = Date.now()) => Boolean(entry.body.expiry?.expired) || endOf(entry) <= now;

/** Whether the text of an own message can still be another. */
export const mayEdit = (entry, now = Date.now()) => typeof entry?.body.text === "string"
  && !entry.state.recalled && !isExpired(entry, now) && now - entry.time < EDIT_MS;

/** What became of a message that nothing changed. */
export const unchanged = () => ({ changedSeq: 0, recalled: null, isEdited: false, reactions: [], pinned: null });

/** What an overlay of the wire says. Who reads is named among those who reacted, if they did. */
export function readOverlay(overlay, me) {
  const reactions = (overlay.reactions ?? []).map(({ reaction, count, users = [], mine }) => {
    const named = mine && !users.includes(me) ? [...users, me] : [...users];
    return { reaction, count: Number(count ?? named.length), users: named };
  });
  return {
    changedSeq: Number(overlay.changed_seq ?? 0),
    recalled: overlay.recalled ?? null,
    isEdited: overlay.edited !== undefined,
    reactions,
    pinned: overlay.pinned ?? null,
  };
}

/** Applies a change entry to its message. One that is known already changes nothing, and nothing changes a recalled one. */
export function apply(message, entry) {
  const { state } = message;
  if (entry.seq <= state.changedSeq || state.recalled) return;
  state.changedSeq = entry.seq;
  const change = changeOf(entry);
  const { sender: by, time } = entry;
  if (change.kind === "recall") {
    message.body = {};
    message.state = { ...unchanged(), changedSeq: entry.seq, recalled: { by, time } };
  } else if (change.kind === "edit" && change.body) {
    message.body = change.body;
    state.isEdited = true;
  } else if (change.kind === "react") {
    state.reactions = react(state.reactions, by, change);
  } else if (change.kind === "pin") {
    state.pinned = change.remove ? null : { by, time };
  }
}

function react(reactions, user, { reaction, remove }) {
  const known = reactions.find((one) => one.reaction === reaction) ?? { reaction, count: 0, users: [] };
  const isNamed = known.users.includes(user);
  let { count, users } = known;
  if (remove && (isNamed || count > users.length)) {
    count -= 1;
    users = users.filter((one) => one !== user);
  } else if (!remove && !isNamed) {
    count += 1;
    users = users.length < USERS_NAMED_MAX ? [...users, user] : users;
  }
  const changed = { reaction, count, users };
  const all = reactions.includes(known) ? reactions.map((one) => (one === known ? changed : one)) : [...reactions, changed];
  return all.filter((one) => one.count > 0);
}
