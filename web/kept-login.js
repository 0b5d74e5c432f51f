// Where the login of this window is kept.
//
// In sessionStorage, unless the user stays signed in: a reload keeps it, closing the window ends it, and each window has its own, so
// that two windows can be two users. Who stays signed in has it in localStorage: it outlives the browser, and all windows share it.
//
// Scripts of this origin can read both. A cookie that they cannot read would be sent by the browser itself with whatever asks the server, so
// the server would have to tell its own page from others; now the page puts the token into a header, which no other site can. What
// protects it is that nothing else runs here: the Content-Security-Policy lets no script be loaded or written into the page, and what
// people write never becomes markup. And a stolen refresh token is good once: used again, it ends the login.

import { forgetNewest, newest, remember } from "./newest-login.js";

const STORED = "tidegate.login";

export class KeptLogin {
  /** Windows that share a login take turns to renew it. Where they cannot (plain http to another machine), nobody can stay signed in. */
  static mayStay = Boolean(globalThis.navigator?.locks);

  #place;
  #login;

  constructor() {
    const isShared = KeptLogin.mayStay && sessionStorage.getItem(STORED) === null;
    this.#place = isShared ? localStorage : sessionStorage;
    this.#login = read(this.#place);
  }

  /** `{ userId, accessToken, refreshToken, expires }`, or `null`. */
  get login() {
    return this.#login;
  }

  /** A new login: of this window, or to stay. */
  begin(login, stay) {
    this.#place = stay && KeptLogin.mayStay ? localStorage : sessionStorage;
    this.keep(login);
  }

  /** The same login with other tokens. */
  keep(login) {
    this.#login = login;
    this.#place.setItem(STORED, JSON.stringify(login));
  }

  forget() {
    // Another window may have logged somebody else in since.
    if (this.#login && this.#login.userId === read(this.#place)?.userId) this.#place.removeItem(STORED);
    if (this.#place === localStorage) forgetNewest();
    this.#login = null;
  }

  /** Renews the tokens, one window after another: who comes later takes what is there. `renew` finds no login where it has ended elsewhere. */
  async inTurn(renew) {
    if (this.#place === sessionStorage) return renew();
    return navigator.locks.request(STORED, async () => {
      const [mine, stored] = [this.#login, read(localStorage)];
      this.#login = stored?.userId === mine?.userId ? stored : null;
      if (this.#login) this.#login = await newest(this.#login) ?? this.#login;
      if (this.#login && this.#login.refreshToken !== mine.refreshToken) return;
      const before = this.#login;
      await renew();
      await remember(before, this.#login);
    });
  }
}

function read(place) {
  try {
    return JSON.parse(place.getItem(STORED) ?? "null");
  } catch {
    return null;
  }
}
