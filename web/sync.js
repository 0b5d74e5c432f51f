// The question what is new in all conversations: `sync`, answered by `delta`. One at a time; one that is lost or refused is asked
// again.

const ANSWER_TIMEOUT_MS = 10_000;
const REFUSED_MS = 500;

export class Sync {
  #open;
  #connection;
  #cursor = "";
  #isAsked = false;
  #again = false;
  #timer;

  /** `open` gives the logs that are held, as the frame names them. */
  constructor(open) {
    this.#open = open;
  }

  attach(connection) {
    this.#connection = connection;
  }

  get isAsked() {
    return this.#isAsked;
  }

  /** Asks now, or after the answer that is awaited: that may be older than what this is about. */
  ask() {
    this.#again = this.#isAsked;
    if (this.#isAsked || !this.#connection.send("sync", { cursor: this.#cursor, open: this.#open() })) return;
    this.#isAsked = true;
    this.#askIn(ANSWER_TIMEOUT_MS);
  }

  /** A `delta` came. `next` is due once all that it says was taken. */
  answered({ cursor, more }) {
    this.#settle();
    if (cursor) this.#cursor = cursor;
    this.#again ||= more === true;
  }

  /** Asks for the rest; says whether there is any. */
  next() {
    const isDue = this.#again;
    if (isDue) this.ask();
    return isDue;
  }

  /** Too much happened since the cursor: all is asked. */
  tooLong() {
    this.#settle();
    this.#cursor = "";
    this.ask();
  }

  refused(retryAfterMs) {
    this.#settle();
    this.#askIn(Math.max(retryAfterMs, REFUSED_MS));
  }

  /** The socket is gone, and the answer with it. */
  stop() {
    this.#settle();
    this.#again = false;
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#isAsked = false;
  }

  #askIn(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isAsked = false;
      this.ask();
    }, delay);
  }
}
