// A link to a group is read as it was written, from wherever it was copied.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, readLink } from "../join-link.js";

const LINK = { group: "team:1+2=a~b", token: "Gq0l8uXyV1eGmQm3yQp6Yw5r0bZk2f1a", name: "Tea & biscuits #1 ☕" };

test("an address says what was put into it, and nothing that a server sees", () => {
  const address = addressOf(LINK, "https://chat.example.org/?at=1#old");
  assert.ok(address.startsWith("https://chat.example.org/#group="), address);
  assert.deepEqual(readLink(` ${address}\n`), LINK);
  assert.deepEqual(readLink(new URL(address).hash), LINK);
  assert.equal(new URL(address).search, "");
});

test("a group's id is enough, and a name is words of bounded length", () => {
  assert.deepEqual(readLink("team"), { group: "team", token: "", name: "" });
  assert.deepEqual(readLink(addressOf({ group: "team" }, "http://localhost:8080/")), { group: "team", token: "", name: "" });
  assert.equal(readLink(`#group=team&name=${"x".repeat(5_000)}`).name.length, 100);
});

test("anything else is no link", () => {
  for (const text of ["", "#", "two words", "https://example.org/", "#link=abc", "#group=a/b", `#group=${"a".repeat(65)}`]) {
    assert.equal(readLink(text), null, text);
  }
});
