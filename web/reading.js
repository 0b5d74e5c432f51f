// How far the user has read, told until the server says that it knows: what was read here would stay unread on other devices if a
// `read` was lost or refused.

const AGAIN_FIRST_MS = 5_000;
const AGAIN_MAX_MS = 60_000;
// One that is refused for good is not told for ever: a `nack` does not say which it means.
const TRIES_MAX = 6;

export class Reading {
  #connection;
  /** What the server does not know yet, by conversation: `{ seq, tries }`. */
  #untold = new Map();
  #timer;
  #delay = AGAIN_FIRST_MS;

  attach(connection) {
    this.#connection = connection;
  }

  /** Tells that a conversation was read up to here; says whether it could. */
  tell(id, seq) {
    if (!this.#send(id, seq)) return false;
    this.#untold.set(id, { seq, tries: 1 });
    if (this.#timer === undefined) this.#plan(this.#delay);
    return true;
  }

  /** The server knows that a conversation was read up to here. */
  known(id, seq) {
    if (seq >= this.#untold.get(id)?.seq) this.#untold.delete(id);
    if (this.#untold.size > 0) return;
    this.stop();
    this.#delay = AGAIN_FIRST_MS;
  }

  refused(retryAfterMs) {
    this.#plan(Math.max(retryAfterMs, this.#delay));
  }

  /** On a new socket. */
  hurry() {
    for (const one of this.#untold.values()) one.tries = 0;
    this.#delay = AGAIN_FIRST_MS;
    this.#tellAll();
  }

  /** The socket is gone: all waits for the next one. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tellAll() {
    for (const [id, one] of this.#untold) {
      if (one.tries >= TRIES_MAX) this.#untold.delete(id);
      else if (this.#send(id, one.seq)) one.tries += 1;
    }
    if (this.#untold.size > 0) this.#plan(this.#delay);
  }

  #send(id, seq) {
    return this.#connection.send("read", { conversation: id, seq: String(seq) });
  }

  #plan(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#delay = Math.min(2 * this.#delay, AGAIN_MAX_MS);
      this.#tellAll();
    }, delay);
  }
}
