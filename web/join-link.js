// Links to groups: an address of this page whose fragment, which browsers send to nobody, says which group and shows what
// lets in. The name in it is what its maker says; nothing but words comes of it.

const GROUP = /^[\w.|@:+=~-]{1,64}$/u;
const NAME_MAX = 100;

/** The address of a link. */
export function addressOf({ group, token, name }, page) {
  const address = new URL(page);
  address.search = "";
  address.hash = new URLSearchParams({ group, ...(token ? { link: token } : {}), ...(name ? { name } : {}) });
  return address.href;
}

/** What an address, its fragment or the mere id of a group says: `{ group, token, name }`; `null` for anything else. */
export function readLink(text) {
  const written = text.trim();
  if (GROUP.test(written)) return { group: written, token: "", name: "" };
  const at = written.indexOf("#");
  if (at < 0) return null;
  const said = new URLSearchParams(written.slice(at + 1));
  const group = said.get("group") ?? "";
  if (!GROUP.test(group)) return null;
  return { group, token: said.get("link") ?? "", name: [...(said.get("name") ?? "")].slice(0, NAME_MAX).join("") };
}

const STORED = "tidegate.join";

/** The link with which the page was opened, out of its address and kept until it is used. */
export function takeLink() {
  const link = readLink(location.hash);
  if (!link || location.hash === "") return;
  history.replaceState(history.state, "", location.pathname);
  sessionStorage.setItem(STORED, JSON.stringify(link));
}

export const keptLink = () => JSON.parse(sessionStorage.getItem(STORED) ?? "null");
export const forgetLink = () => sessionStorage.removeItem(STORED);
