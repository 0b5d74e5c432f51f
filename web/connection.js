// One WebSocket that comes back: full jitter between attempts, `goaway` honoured, silence noticed, tokens renewed.

import { SignedOut } from "./api.js";

const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 30_000;
// For the handshake and `welcome`.
const OPEN_TIMEOUT_MS = 10_000;
// For anything at all after our `ping`.
const PONG_TIMEOUT_MS = 10_000;
// Close codes after which coming back by itself would be wrong, and why.
const FINAL = new Map([
  [4403, "This account may not connect."],
  [4409, "A newer login took this window's place."],
]);
// Close codes that ask for a longer pause.
const OVERLOADED = new Set([1013, 4429]);

/** How long to wait before attempt `failures + 1`: anything up to a bound that doubles. */
export function backoffMs(failures, random = Math.random()) {
  return random * Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** failures);
}

/**
 * `onState({ state, detail })` is told `connecting`, `online`, `waiting` and `stopped`; `onFrame(name, content)` every
 * frame; `onSignedOut(words)` that only a password helps.
 */
export class Connection {
  #api;
  #handlers;
  #socket = null;
  #online = false;
  #stopped = false;
  #failures = 0;
  #timers = {};

  constructor(api, handlers) {
    this.#api = api;
    this.#handlers = handlers;
    addEventListener("online", () => this.hurry());
    addEventListener("offline", () => this.#socket?.close());
  }

  get online() {
    return this.#online;
  }

  /** Connects now, unless it is connecting or connected. */
  hurry() {
    if (this.#socket || this.#timers.retry === undefined) return;
    this.#clear("retry");
    this.#connect();
  }

  /** Connects now, also after a close that was for good: the user asks for it. */
  tryNow() {
    if (!this.#stopped) this.hurry();
    else this.start();
  }

  start() {
    this.#stopped = false;
    this.#connect();
  }

  stop() {
    for (const name of Object.keys(this.#timers)) this.#clear(name);
    const socket = this.#socket;
    this.#socket = null;
    this.#online = false;
    socket?.close(1000);
  }

  /** Sends a frame when online; says whether it did. */
  send(name, content) {
    if (!this.#online) return false;
    this.#socket.send(JSON.stringify({ [name]: content }));
    return true;
  }

  async #connect() {
    this.#tell("connecting");
    let token;
    try {
      // A refused handshake looks like a dead server from here; an HTTP call tells the two apart and renews the token.
      if (this.#failures > 0) await this.#api.me();
      token = await this.#api.token();
    } catch (problem) {
      if (problem instanceof SignedOut) this.#handlers.onSignedOut(problem.message);
      else this.#retry();
      return;
    }
    const address = new URL("ws", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address, ["tidegate.v1.json", `bearer.${token}`]);
    this.#socket = socket;
    this.#set("open", OPEN_TIMEOUT_MS, () => this.#lost(socket, 1006));
    socket.onmessage = (message) => socket === this.#socket && this.#receive(message.data);
    socket.onclose = (closed) => this.#lost(socket, closed.code);
  }

  #receive(text) {
    this.#heard();
    const frame = JSON.parse(text);
    const name = Object.keys(frame)[0];
    const content = frame[name];
    if (name === "welcome") this.#welcome(content);
    if (name === "auth_expiring") this.#renew();
    // Until then this socket is as good as ever.
    if (name === "goaway") this.#set("leave", Number(content.reconnect_after_ms), () => this.#leave());
    this.#handlers.onFrame(name, content);
  }

  #welcome(welcome) {
    this.#clear("open");
    this.#failures = 0;
    this.#pingMs = Number(welcome.ping_ms) || 25_000;
    this.#heard();
    if (this.#online) return;
    this.#online = true;
    this.#tell("online");
  }

  #pingMs = 25_000;

  /** Something came: the next `ping` is due only after a silence. */
  #heard() {
    this.#clear("pong");
    this.#set("ping", this.#pingMs, () => {
      const socket = this.#socket;
      if (!this.send("ping", {})) return;
      this.#set("pong", PONG_TIMEOUT_MS, () => this.#lost(socket, 1006));
    });
  }

  async #renew() {
    try {
      await this.#api.refresh();
      this.send("hello", { auth: await this.#api.token() });
    } catch (problem) {
      if (problem instanceof SignedOut) this.#handlers.onSignedOut(problem.message);
      // Otherwise the server closes with 4401 in time, and the way back refreshes again.
    }
  }

  /** The time that `goaway` told has come: another socket, now. */
  #leave() {
    this.stop();
    this.#connect();
  }

  async #lost(socket, code) {
    if (socket !== this.#socket) return;
    socket.onclose = null;
    socket.close();
    this.#socket = null;
    this.#online = false;
    for (const name of ["open", "ping", "pong", "leave"]) this.#clear(name);
    if (FINAL.has(code)) {
      this.#stopped = true;
      this.#tell("stopped", FINAL.get(code));
      return;
    }
    if (OVERLOADED.has(code)) this.#failures += 3;
    if (code === 4401) {
      this.#tell("connecting");
      try {
        await this.#api.refresh();
      } catch (problem) {
        if (problem instanceof SignedOut) {
          this.#handlers.onSignedOut(problem.message);
          return;
        }
      }
    }
    this.#retry();
  }

  #retry() {
    const delay = backoffMs(this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#tell("waiting");
    this.#set("retry", delay, () => this.#connect());
  }

  #tell(state, detail = "") {
    this.#handlers.onState({ state, detail });
  }

  #set(name, delay, action) {
    this.#clear(name);
    this.#timers[name] = setTimeout(() => {
      delete this.#timers[name];
      action();
    }, delay);
  }

  #clear(name) {
    clearTimeout(this.#timers[name]);
    delete this.#timers[name];
  }
}
