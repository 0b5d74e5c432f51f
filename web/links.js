// Web addresses in what people write.

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/giu;
// Marks that end a sentence rather than an address.
const TRAILING = ".,;:!?'*_";

/** The text in pieces, in order: `{ text }`, and `{ text, href }` for an address of the web. Together they are the text. */
export function pieces(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    if (!URL.canParse(address)) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: address, href: new URL(address).href });
    end = match.index + address.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/**
 * Without the marks of the sentence around it; a closing bracket stays when one was opened inside. One look at every
 * character: a stranger's text may end in tens of thousands of marks.
 */
function trimmed(address) {
  const marks = address.includes("(") ? TRAILING : `${TRAILING})`;
  let end = address.length;
  while (end > 0 && marks.includes(address[end - 1])) end -= 1;
  return address.slice(0, end);
}
