// Web addresses in what people write.

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/giu;
// Marks that end a sentence rather than an address.
const TRAILING = /[.,;:!?'*_]+$/u;

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

/** Without the marks of the sentence around it; a closing bracket stays when it was opened inside. */
function trimmed(address) {
  const bare = address.replace(TRAILING, "");
  return bare.endsWith(")") && !bare.includes("(") ? trimmed(bare.slice(0, -1)) : bare;
}
