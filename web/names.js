// What users are called. Asked once for each, and shown as the id until the answer is there.

export class Names {
  #api;
  #changed;
  #known = new Map();
  #asked = new Set();

  constructor(api, changed) {
    this.#api = api;
    this.#changed = changed;
  }

  of(userId) {
    const known = this.#known.get(userId);
    if (known === undefined && !this.#asked.has(userId)) this.#ask(userId);
    return known ?? userId;
  }

  learn(profile) {
    this.#known.set(profile.user_id, profile.nickname || profile.username || profile.user_id);
  }

  async #ask(userId) {
    this.#asked.add(userId);
    try {
      this.learn(await this.#api.user(userId));
    } catch (problem) {
      // No account here: the id is the name. Anything else may work later.
      if (problem.status === 404) this.#known.set(userId, userId);
      else this.#asked.delete(userId);
      return;
    }
    this.#changed();
  }
}
