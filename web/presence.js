// Who is there: the users whom the page watches, a bounded number, and whether somebody uses this window.

// Fewer than a session may watch unless the server is configured lower; then fewer still are tried.
const WATCHED_MAX = 100;
const TOO_MANY = 1208;

export class Presence {
  #connection;
  #changed;
  #states = new Map();
  #watched = new Set();
  #max = WATCHED_MAX;
  #isUsed = true;

  constructor(changed) {
    this.#changed = changed;
  }

  attach(connection) {
    this.#connection = connection;
  }

  /** What is known of a user: `{ state, lastSeen }`, the state `online`, `away`, `offline` or `unknown`. */
  of(user) {
    return this.#states.get(user) ?? { state: "unknown", lastSeen: 0 };
  }

  /** Watches these, those that matter most first, and nobody else. */
  watch(users) {
    if (!this.#connection.online) return;
    const wanted = new Set(users.slice(0, this.#max));
    const gone = [...this.#watched].filter((user) => !wanted.has(user));
    const come = [...wanted].filter((user) => !this.#watched.has(user));
    if (gone.length > 0) this.#connection.send("presence_unsubscribe", { users: gone });
    if (come.length > 0) this.#connection.send("presence_subscribe", { users: come });
    for (const user of gone) this.#states.delete(user);
    this.#watched = wanted;
  }

  /** Whether somebody looks at this window. */
  report(isUsed) {
    this.#isUsed = isUsed;
    this.#connection.send("presence_report", { state: isUsed ? "online" : "away" });
  }

  take(name, content) {
    if (name === "welcome" && !this.#isUsed) this.report(false);
    else if (name === "presence") this.#take(content.users ?? []);
    else if (name === "nack" && content.frame === "presence_subscribe" && content.code === TOO_MANY) this.#watchFewer();
  }

  /** Nothing is known over a socket that is gone, and the next one watches nobody yet. */
  disconnected() {
    this.#states.clear();
    this.#watched.clear();
  }

  #take(users) {
    for (const { user, state = "unknown", last_seen: lastSeen = 0 } of users) {
      if (this.#watched.has(user)) this.#states.set(user, { state, lastSeen: Number(lastSeen) });
    }
    this.#changed();
  }

  /** The refused frame counts for nothing; the next drawing watches anew. */
  #watchFewer() {
    this.#max = Math.floor(this.#max / 2);
    this.#connection.send("presence_unsubscribe", {});
    this.disconnected();
    this.#changed();
  }
}
