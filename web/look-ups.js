// What the page asks over HTTP about a conversation, because no frame tells it again. Should one fail, the next look at the
// conversation makes it good.

import { readEntries } from "./log.js";

export class LookUps {
  #api;
  #me;
  #changed;
  #asked = new Set();

  constructor(api, me, changed) {
    this.#api = api;
    this.#me = me;
    this.#changed = changed;
  }

  /** How far the other of a direct conversation is: a receipt is told once, perhaps to nobody. */
  async receipts({ id }, take) {
    for (const receipt of await this.#api.receipts(id).catch(() => [])) take({ conversation: id, ...receipt });
  }

  async pins(conversation) {
    const found = await this.#api.pins(conversation.id).catch(() => null);
    if (!found) return;
    conversation.pins = readEntries(found.messages, found.overlays, this.#me);
    this.#changed();
  }

  /** What a group is now, and the user in it. */
  async group(conversation) {
    const { group } = conversation;
    const asked = Promise.all([this.#api.group(group), this.#api.member(group, this.#me)]);
    const [info, member] = await asked.catch(() => []);
    if (!info) return;
    conversation.members = info.members;
    conversation.role = member.role;
    conversation.join = info.join;
    conversation.requests = conversation.isManaged ? await this.#api.joinRequests(group).catch(() => []) : [];
    this.#changed();
  }

  /** How many confirmed a message, once: its sender is told later counts. */
  async confirmations(conversation, seq) {
    if (!this.#isFirst(`confirmations ${conversation.id} ${seq}`)) return;
    const found = await this.#api.confirmations(conversation.id, seq, 1).catch(() => null);
    if (!found) return;
    conversation.takeConfirmations(seq, { confirmed: found.confirmed, of: found.of });
    this.#changed();
  }

  #isFirst(key) {
    const isFirst = !this.#asked.has(key);
    this.#asked.add(key);
    return isFirst;
  }

  /** A message that another answers, once. */
  async message(conversation, seq) {
    if (!this.#isFirst(`${conversation.id} ${seq}`)) return;
    const found = await this.#api.message(conversation.id, seq).catch(() => null);
    if (!found) return;
    for (const entry of readEntries(found.messages, found.overlays, this.#me)) conversation.quoted.set(entry.seq, entry);
    this.#changed();
  }
}
