// Messages of one conversation on their way: kept, in order, until each is acknowledged or refused for good.

// Codes that the same frame may survive: PREDECESSOR_MISSING, BUSY, RATE, UNAVAILABLE, LATE, INTERNAL.
const TEMPORARY = new Set([1300, 1400, 1401, 1402, 1403, 1500]);
export const isTemporary = (code) => TEMPORARY.has(code);
const RETRY_FIRST_MS = 3_000;
const RETRY_MAX_MS = 20_000;

export class Outbox {
  /** Oldest first; `state` is `sending` or `failed`. */
  messages = [];

  add(id, text, now, body = { text }) {
    return this.#add({ id, name: "send", text, content: { body, ack: "received" } }, now);
  }

  /** A change of an earlier message: `recall`, `edit`, `react` or `pin`. */
  change(id, name, content, now) {
    return this.#add({ id, name, text: "", content }, now);
  }

  #add(what, now) {
    const message = { ...what, time: now, attempt: 0, dueAt: 0, state: "sending", problem: "" };
    this.messages.push(message);
    return message;
  }

  get waiting() {
    return this.messages.some((message) => message.state === "sending");
  }

  /** What is due, oldest first, as frames with their `name` and without their recipient. Each is due again after a while. */
  due(now) {
    const frames = [];
    let after;
    for (const message of this.messages) {
      if (message.state !== "sending") continue;
      if (message.dueAt <= now) {
        frames.push({
          name: message.name,
          client_message_id: message.id,
          ...message.content,
          attempt: message.attempt,
          age_ms: String(Math.max(0, now - message.time)),
          ...(after && message.name === "send" ? { after } : {}),
        });
        message.dueAt = now + Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** message.attempt);
        message.attempt += 1;
      }
      if (message.name === "send") after = message.id;
    }
    return frames;
  }

  /** When something is due next; `Infinity` when nothing waits. */
  get nextDueAt() {
    return Math.min(Infinity, ...this.messages.filter((m) => m.state === "sending").map((m) => m.dueAt));
  }

  /** A new socket: everything is due at once. */
  hurry() {
    for (const message of this.messages) message.dueAt = 0;
  }

  /** It is in the log. Gives the message, if it was ours. */
  settle(id) {
    const at = this.messages.findIndex((message) => message.id === id);
    return at < 0 ? undefined : this.messages.splice(at, 1)[0];
  }

  refuse(id, code, words, retryAfterMs, now) {
    const message = this.messages.find((candidate) => candidate.id === id);
    if (!message) return;
    if (!isTemporary(code)) {
      message.state = "failed";
      message.problem = words;
      return;
    }
    message.dueAt = now + Math.max(retryAfterMs, 200 + Math.random() * 300);
    // The one that it follows goes first.
    if (code === 1300) this.hurry();
  }

  /** A failed one goes again, with the same id: had it been stored after all, it is not stored twice. */
  retry(id) {
    const message = this.messages.find((candidate) => candidate.id === id);
    if (message) Object.assign(message, { state: "sending", dueAt: 0, problem: "" });
  }

  discard(id) {
    this.settle(id);
  }
}
