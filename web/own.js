// What the user keeps for themselves in conversations, and the server for all their devices: pinned, muted, archived, marked as
// unread, and drafts.

import { isTemporary } from "./outbox.js";

const DRAFT_DELAY_MS = 1_000;
const DRAFT_BYTES_MAX = 8_192;

export class Own {
  #list;
  #connection;
  #timer;

  /** `list` gives the conversations. */
  constructor(list) {
    this.#list = list;
  }

  attach(connection) {
    this.#connection = connection;
  }

  set({ id }, what) {
    return this.#connection.send("conversation_set", { conversation: id, ...what });
  }

  /** The user looks at it: it is not unread any more. */
  opened(conversation) {
    if (!conversation.markedUnread) return;
    conversation.markedUnread = false;
    this.set(conversation, { marked_unread: false });
  }

  /** A draft changed; it is kept in a moment. */
  planDraft(delay = DRAFT_DELAY_MS) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.keepDrafts(), delay);
  }

  /** What is not kept yet: when a conversation or the page is left, and on a new socket. */
  keepDrafts() {
    clearTimeout(this.#timer);
    for (const conversation of this.#list()) {
      const { id, draft, keptDraft, askedDraft } = conversation;
      if (!id || draft === (askedDraft ?? keptDraft)) continue;
      if (new TextEncoder().encode(draft).length > DRAFT_BYTES_MAX) continue;
      if (this.set(conversation, { draft })) conversation.askedDraft = draft;
    }
  }

  /** Something was not kept, and which is not said. */
  refused(code, retryAfterMs) {
    this.#forgetAsked();
    if (isTemporary(code)) this.planDraft(Math.max(retryAfterMs, DRAFT_DELAY_MS));
  }

  /** The socket is gone, and with it the answers. */
  stop() {
    clearTimeout(this.#timer);
    this.#forgetAsked();
  }

  #forgetAsked() {
    for (const conversation of this.#list()) conversation.askedDraft = null;
  }
}
