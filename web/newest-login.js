// What a login that windows share was renewed to, for the window whose turn it is next.
//
// localStorage does not do: each process of a browser has a copy of its own, and the lock that windows take turns by is told faster
// than a change of it. A transaction of IndexedDB that begins under the lock sees what was completed under it before. Each entry says
// what became of one refresh token, so that an entry of another login is never taken for one of this. Only the last one is kept.

const NAME = "tidegate";
const STORE = "renewed";

/** What the login was renewed to since, or `undefined`. */
export async function newest(login) {
  const entry = await inStore("readonly", (store) => store.get(STORE));
  return entry && entry.from === login.refreshToken ? entry.login : undefined;
}

/** Another window that has the old login finds the new one from when this has ended. */
export function remember(login, renewed) {
  return inStore("readwrite", (store) => store.put({ from: login.refreshToken, login: renewed }, STORE));
}

/** Nobody shall find it any more. */
export function forgetNewest() {
  return inStore("readwrite", (store) => store.clear());
}

/** What `use` asked for once it is done; `undefined` where the browser gives no database, as some do to private windows. */
function inStore(mode, use) {
  return new Promise((resolve) => {
    const nothing = () => resolve(undefined);
    const opening = indexedDB.open(NAME);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onerror = nothing;
    opening.onsuccess = () => {
      const transaction = opening.result.transaction(STORE, mode);
      const asked = use(transaction.objectStore(STORE));
      transaction.oncomplete = () => {
        opening.result.close();
        resolve(asked.result);
      };
      transaction.onabort = nothing;
    };
  });
}
