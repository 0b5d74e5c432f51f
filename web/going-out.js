// What goes out of all conversations by itself: messages and changes that wait, and how far this device has received.

const DELIVERED_DELAY_MS = 200;

export class GoingOut {
  #list;
  #connection;
  #flushTimer;
  #deliveredTimer;

  /** `list` gives the conversations. */
  constructor(list) {
    this.#list = list;
  }

  attach(connection) {
    this.#connection = connection;
  }

  /** Sends what is due, and plans the next time. */
  flush() {
    const now = Date.now();
    if (!this.#connection.online) return;
    for (const conversation of this.#list()) {
      const to = conversation.id ? { conversation: conversation.id } : { to_user: conversation.peer };
      for (const { name, ...frame } of conversation.outbox.due(now)) this.#connection.send(name, { ...frame, ...to });
    }
    this.plan();
  }

  plan() {
    clearTimeout(this.#flushTimer);
    const next = Math.min(Infinity, ...this.#list().map(({ outbox }) => outbox.nextDueAt));
    if (next === Infinity) return;
    this.#flushTimer = setTimeout(() => this.flush(), Math.max(0, next - Date.now()));
  }

  /** The socket is gone: everything waits for the next one. */
  stop() {
    clearTimeout(this.#flushTimer);
  }

  /** Tells in a moment how far what others said has come. */
  planDelivered() {
    this.#deliveredTimer ??= setTimeout(() => {
      this.#deliveredTimer = undefined;
      for (const conversation of this.#list()) {
        if (conversation.id && conversation.unread > 0) this.#tellDelivered(conversation);
      }
    }, DELIVERED_DELAY_MS);
  }

  #tellDelivered(conversation) {
    const { id, head } = conversation;
    if (head <= conversation.deliveredTold) return;
    if (this.#connection.send("delivered", { conversation: id, seq: String(head) })) conversation.deliveredTold = head;
  }
}
