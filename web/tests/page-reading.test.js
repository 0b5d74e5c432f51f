// Finding one's way: the first minute, where reading goes on, what others answered, and keys.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PHONE, Stage, WITH_PROGRAM, leave } from "./stage.js";

describe("finding one's way in the page", WITH_PROGRAM, () => {
  const stage = new Stage();

  test("a newcomer learns by which name others find them, and others are found by the beginning of theirs", async () => {
    const [alice, bob] = await stage.pair("new", PHONE);
    await alice.page.locator("#no-conversations", { hasText: "Others find you as new-alice." }).waitFor();
    await alice.fitsItsWidth();
    await stage.picture(alice, "newcomer");
    await alice.page.getByRole("button", { name: "New chat" }).click();
    await alice.page.getByRole("combobox", { name: "Username or user id" }).fill("new-b");
    await alice.page.locator("#chat-with-users option[value=new-bob][label=Bob]").waitFor({ state: "attached" });
    await alice.page.keyboard.press("Escape");
    await alice.page.getByRole("button", { name: "Write a note to yourself" }).click();
    await alice.page.locator("#chat-name", { hasText: "Notes to yourself" }).waitFor();
    await alice.say("🎉");
    await alice.page.locator(".only-emoji").waitFor();
    await leave(alice, bob);
  });

  test("reading goes on where it ended, and what was not seen stays unread", async () => {
    const [alice, bob] = await stage.pair("unread");
    await alice.startChat("unread-bob");
    await alice.say("the first");
    await bob.open("Alice");
    await alice.tick("the first", "read");
    await bob.page.reload();
    await bob.online();
    for (let i = 1; i <= 40; i += 1) await alice.say(`news ${i}`);
    await bob.unread("Alice", 40);
    await bob.open("Alice");
    await bob.inSight(bob.page.locator("#unread-from"));
    await bob.inSight(bob.message("news 1"));
    await bob.unread("Alice", 40);
    await stage.picture(bob, "unread");
    assert.deepEqual((await bob.texts()).slice(0, 2), ["the first", "news 1"]);
    await bob.page.getByRole("button", { name: "New messages ↓" }).click();
    await bob.inSight(bob.message("news 40"));
    await bob.unread("Alice", 0);
    await leave(alice, bob);
  });

  test("what is answered or pinned is shown, however far up it is", async () => {
    const [alice, bob] = await stage.pair("far");
    await alice.startChat("far-bob");
    await alice.say("where it began");
    for (let i = 1; i <= 70; i += 1) await alice.say(`talk ${i}`);
    await alice.act("where it began", "Pin");
    await alice.act("where it began", "Reply");
    await alice.say("look up");
    await bob.open("Alice");
    await bob.page.reload();
    await bob.online();
    await bob.open("Alice");
    await bob.message("look up").locator(".quote", { hasText: "where it began" }).click();
    await bob.inSight(bob.message("where it began"));
    await bob.page.getByRole("button", { name: "Newest" }).click();
    await bob.inSight(bob.message("look up"));
    await bob.page.getByRole("button", { name: "1 pinned" }).click();
    await bob.page.locator("#pin-list").getByRole("button", { name: "where it began" }).click();
    await bob.inSight(bob.message("where it began"));
    await leave(alice, bob);
  });

  test("the arrow up edits what was said last, and many conversations are looked through", async () => {
    const [alice, bob] = await stage.pair("keys");
    await alice.startChat("keys-bob");
    await alice.say("teh end");
    await alice.tick("teh end", "delivered");
    await alice.page.keyboard.press("ArrowUp");
    await alice.page.locator("#composing", { hasText: "Editing teh end" }).waitFor();
    await alice.say("the end");
    await bob.open("Alice");
    await bob.message("the end").locator(".edited").waitFor();

    for (const name of ["Deck", "Bridge", "Engine", "Galley", "Harbour crew"]) await alice.startGroup(name, []);
    const find = alice.page.getByRole("searchbox", { name: "Find a conversation" });
    await find.fill("crew har");
    await alice.line("Deck").waitFor({ state: "detached" });
    assert.equal(await alice.page.locator(".line").count(), 1);
    await find.fill("nothing");
    await alice.page.getByText("No conversation is called so.").waitFor();
    await find.fill("bri");
    await find.press("Enter");
    await alice.page.locator("#chat-name", { hasText: "Bridge" }).waitFor();
    await alice.page.locator("#chat-note", { hasText: "1 member" }).waitFor();
    await leave(alice, bob);
  });
});
