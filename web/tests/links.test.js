// Addresses in messages become links; nothing else does.

import assert from "node:assert/strict";
import { test } from "node:test";

import { pieces } from "../links.js";

const links = (text) => pieces(text).filter(({ href }) => href).map(({ text: shown }) => shown);

test("addresses are found without the marks of the sentence around them", () => {
  assert.deepEqual(links("see https://example.org/a?b=1#c."), ["https://example.org/a?b=1#c"]);
  assert.deepEqual(links("(http://example.org/x), really!"), ["http://example.org/x"]);
  assert.deepEqual(links("https://en.wikipedia.org/wiki/Tide_(disambiguation)"),
    ["https://en.wikipedia.org/wiki/Tide_(disambiguation)"]);
  assert.deepEqual(links("HTTPS://EXAMPLE.org and https://b.example\nhttps://c.example"),
    ["HTTPS://EXAMPLE.org", "https://b.example", "https://c.example"]);
});

test("tens of thousands of marks after an address are left out of it", () => {
  for (const mark of [")", ".", ".)"]) assert.deepEqual(links(`http://x.example${mark.repeat(30_000)}`), ["http://x.example"]);
  assert.equal(links(`http://x.example/${".".repeat(30_000)}a`)[0].length, 30_018);
});

test("nothing but the web is linked", () => {
  for (const text of ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https://", "xhttps://a.example", "a.example"]) {
    assert.deepEqual(links(text), [], text);
  }
});

test("no character is lost or added", () => {
  for (const text of ["", "plain", "https://a.example", " a https://a.example, b (https://b.example) https://] c "]) {
    assert.equal(pieces(text).map((piece) => piece.text).join(""), text);
  }
});
