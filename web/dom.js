// Elements. Text from anywhere goes through text nodes only, so nothing that people write can become markup.

export const byId = (id) => document.getElementById(id);

/** An element with properties (`class`, `data-…`, `aria-…` as attributes) and children; texts become text nodes. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Sets text only when it differs: live regions speak again otherwise. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Makes the children of `parent` those of `items`, in order, and keeps what is there already: an element is made again
 * only when the `version` of its item changed, and given to `update` when only the `state` did.
 */
export function reconcile(parent, items, make, update) {
  const present = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let next = parent.firstElementChild;
  for (const item of items) {
    let child = present.get(item.key);
    present.delete(item.key);
    if (!child || child.dataset.version !== item.version) {
      const made = make(item);
      made.dataset.key = item.key;
      made.dataset.version = item.version;
      if (child) {
        if (child === next) next = made;
        child.replaceWith(made);
      }
      child = made;
    }
    if (item.state !== undefined && child.dataset.shownState !== item.state) {
      child.dataset.shownState = item.state;
      update(child, item);
    }
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
  for (const gone of present.values()) gone.remove();
}
