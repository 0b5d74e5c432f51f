// What the user keeps for themselves in conversations, and the server for all their devices: pinned, muted, archived, marked as
// unread, and drafts.

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
    this.#connection.send("conversation_set", { conversation: id, ...what });
  }

  /** The user looks at it: it is not unread any more. */
  opened(conversation) {
    if (!conversation.markedUnread) return;
    conversation.markedUnread = false;
    this.set(conversation, { marked_unread: false });
  }

  /** A draft changed; it is kept in a moment. */
  planDraft() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.keepDrafts(), DRAFT_DELAY_MS);
  }

  /** What is not kept yet: when a conversation or the page is left, and on a new socket. */
  keepDrafts() {
    clearTimeout(this.#timer);
    for (const conversation of this.#list()) {
      const { id, draft, keptDraft, composing } = conversation;
      // The text of an edit is none.
      if (!id || draft === keptDraft || composing?.kind === "edit") continue;
      if (new TextEncoder().encode(draft).length <= DRAFT_BYTES_MAX) this.set(conversation, { draft });
    }
  }
}
