// What users are called. Asked once for each, and shown as the id until the answer is there.

export class Names {
  #api;
  #changed;
  #known = new Map();
  #handles = new Map();
  #usernames = new Map();
  #asked = new Map();

  constructor(api, changed) {
    this.#api = api;
    this.#changed = changed;
  }

  of(userId) {
    const known = this.#known.get(userId);
    if (known === undefined && !this.#asked.has(userId)) this.#asked.set(userId, this.#ask(userId));
    return known ?? userId;
  }

  /** What a user is called, once that is known. */
  async asked(userId) {
    this.of(userId);
    await this.#asked.get(userId);
    return this.of(userId);
  }

  learn(profile) {
    this.#known.set(profile.user_id, profile.nickname || profile.username || profile.user_id);
    this.#usernames.set(profile.user_id, profile.username || profile.user_id);
    this.#handles.set(profile.user_id, [profile.nickname, profile.username, profile.user_id].filter(Boolean));
  }

  /** By what others find a user; nothing until it is known. */
  username(userId) {
    this.of(userId);
    return this.#usernames.get(userId) ?? "";
  }

  /** Everything that a user may be called behind an `@`. */
  handles(userId) {
    return this.#handles.get(userId) ?? [userId];
  }

  /** Those known whom a text mentions. */
  mentionedIn(text) {
    if (!text.includes("@")) return [];
    return [...this.#handles.keys()].filter((user) => mentioning(this.handles(user))?.test(text));
  }

  async #ask(userId) {
    try {
      this.learn(await this.#api.user(userId));
    } catch (problem) {
      // No account here: the id is the name. Anything else may work later.
      if (problem.status === 404) this.learn({ user_id: userId });
      else this.#asked.delete(userId);
      return;
    }
    this.#changed();
  }
}

/** Finds `@` and any of these names, whole; `null` for no names. */
export function mentioning(handles) {
  if (handles.length === 0) return null;
  const longestFirst = [...handles].sort((a, b) => b.length - a.length);
  const any = longestFirst.map((handle) => handle.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  return new RegExp(`(?<![\\p{L}\\p{N}_])@(?:${any})(?![\\p{L}\\p{N}_])`, "iu");
}
