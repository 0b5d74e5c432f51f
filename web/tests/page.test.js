// The page, served by the real program, in real Chromium: who talks to whom, and what becomes of it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PHONE, Stage, WITH_PROGRAM, leave } from "./stage.js";

describe("the page", WITH_PROGRAM, () => {
  const stage = new Stage();

  test("two people chat both ways, with unread counts and ticks", async () => {
    const [alice, bob] = await stage.pair("direct");
    await alice.startChat("direct-bob");
    await alice.focused(alice.page.locator("#draft"));
    await alice.say("hello Bob");
    await alice.say("are you there?");

    await bob.unread("Alice", 2);
    await bob.page.waitForFunction(() => document.title === "(2) Tidegate");
    await alice.tick("are you there?", "delivered");
    await bob.open("Alice");
    await bob.sees("are you there?");
    await bob.unread("Alice", 0);
    await alice.tick("hello Bob", "read");

    await bob.page.getByLabel("Message", { exact: true }).pressSequentially("ye");
    await alice.page.locator("#chat-note", { hasText: "Bob is typing…" }).waitFor();
    await bob.say("yes, hello Alice");
    await alice.sees("yes, hello Alice");
    await bob.tick("yes, hello Alice", "read");
    assert.deepEqual(await alice.texts(), ["hello Bob", "are you there?", "yes, hello Alice"]);
    assert.deepEqual(await bob.texts(), await alice.texts());
    await stage.picture(alice, "direct");

    // Ticks are known again after a reload, though their receipts were told before.
    await alice.say("good bye");
    await alice.tick("good bye", "read");
    await alice.page.reload();
    await alice.open("Bob");
    await alice.tick("good bye", "read");
    await leave(alice, bob);
  });

  test("what people write is text and never markup", async () => {
    const [alice, bob] = await stage.pair("markup");
    const nasty = '<img src=x onerror="document.title=1"><script>alert(1)</script>';
    await alice.startChat("markup-bob");
    await alice.say(nasty);
    await bob.open("Alice");
    await bob.sees(nasty);
    assert.equal(await bob.page.locator("#messages :is(img, script, a)").count(), 0);
    await alice.say("see https://example.org/tide?at=<now>.");
    const link = bob.page.locator("#messages a");
    await link.waitFor();
    assert.equal(await link.getAttribute("href"), "https://example.org/tide?at=");
    assert.equal(await link.getAttribute("rel"), "noopener noreferrer");
    await leave(alice, bob);
  });

  test("a group chats, and shows who said what", async () => {
    const [alice, bob] = await stage.pair("group");
    const carol = await stage.arrive("group-carol");
    await carol.register("Carol");
    await alice.startGroup("The crew", ["group-bob", "group-carol"]);
    await alice.say("welcome aboard");
    await Promise.all([bob, carol].map((person) => person.unread("The crew", 1)));
    await Promise.all([bob, carol].map((person) => person.open("The crew")));
    await bob.sees("welcome aboard");
    await bob.say("aye");
    await carol.say("aye aye");
    for (const person of [alice, bob, carol]) {
      await person.sees("aye");
      await person.sees("aye aye");
      assert.equal((await person.texts())[0], "welcome aboard");
    }
    await carol.message("welcome aboard").locator(".sender", { hasText: "Alice" }).waitFor();
    await carol.message("aye").locator(".sender", { hasText: "Bob" }).waitFor();
    await alice.page.locator(".system", { hasText: "Alice created the group “The crew”" }).waitFor();
    await alice.message("welcome aboard").locator(".tick[data-state=read][title='read by 2']").waitFor();
    await stage.picture(carol, "group");

    await bob.startChat("group-carol");
    await alice.say("all hands");
    await alice.message("all hands").locator(".tick[data-state=read][title='read by 1']").waitFor();
    await alice.act("all hands", "Who has read it");
    const reader = (name) => alice.page.locator("#reader-list li", { hasText: name });
    await reader("Carol").getByText("✓✓ read").waitFor();
    await reader("Bob").getByText(/received|not yet/).waitFor();
    await stage.picture(alice, "readers");
    await alice.page.locator("#readers-dialog [data-cancel]").click();
    await leave(alice, bob, carol);
  });

  test("messages are answered, reacted to, edited, pinned and recalled", async () => {
    const [alice, bob] = await stage.pair("changes", PHONE);
    const reaction = (person, text, words) => person.message(text).locator(".chip", { hasText: words }).waitFor();
    await alice.startChat("changes-bob");
    await alice.say("lunch at noon?");
    await alice.say("never mind the mess");
    await bob.open("Alice");
    await bob.sees("never mind the mess");

    await bob.act("lunch at noon?", "React with 👍");
    await reaction(alice, "lunch at noon?", "👍 1");
    await alice.message("lunch at noon?").locator(".chip").click();
    for (const person of [alice, bob]) await reaction(person, "lunch at noon?", "👍 2");
    await bob.message("lunch at noon?").locator(".chip").click();
    await reaction(alice, "lunch at noon?", "👍 1");

    await bob.act("lunch at noon?", "Reply");
    await bob.page.locator("#composing", { hasText: "Answering Alice lunch at noon?" }).waitFor();
    await bob.fitsItsWidth();
    await bob.say("yes");
    await alice.message("yes").locator(".quote", { hasText: "Alicelunch at noon?" }).waitFor();

    await alice.act("lunch at noon?", "Edit");
    await alice.say("lunch at one?");
    for (const person of [alice, bob]) {
      await person.message("lunch at one?").locator(".edited").waitFor();
      await person.message("yes").locator(".quote", { hasText: "lunch at one?" }).waitFor();
    }
    await bob.act("lunch at one?", "Pin");
    await alice.message("lunch at one?").locator(".pinned").waitFor();
    await alice.page.getByRole("button", { name: "1 pinned" }).click();
    await alice.page.locator("#pin-list li", { hasText: "lunch at one?" }).waitFor();
    await alice.fitsItsWidth();
    await alice.page.locator("#pins-dialog [data-cancel]").click();

    await bob.page.getByRole("button", { name: "Back to conversations" }).click();
    await alice.act("never mind the mess", "Recall");
    for (const person of [alice, bob]) await person.page.getByText("never mind").first().waitFor({ state: "detached" });
    await alice.told("Alice recalled a message");
    await bob.previews("Alice", "Alice recalled a message");
    assert.equal(await bob.page.locator(".line .badge").count(), 0, "a change is not unread");
    await alice.message("lunch at one?").getByRole("button", { name: "Actions" }).click();
    await stage.picture(alice, "phone-menu");
    await alice.fitsItsWidth();
    await alice.page.locator("#message-dialog [data-cancel]").click();

    // Whoever comes later sees the same.
    await bob.page.reload();
    await bob.online();
    await bob.previews("Alice", "Alice recalled a message");
    await bob.open("Alice");
    await bob.told("Alice recalled a message");
    await bob.message("lunch at one?").locator(".edited").waitFor();
    await bob.message("lunch at one?").locator(".pinned").waitFor();
    await reaction(bob, "lunch at one?", "👍 1");
    await bob.message("yes").locator(".quote", { hasText: "lunch at one?" }).waitFor();
    assert.deepEqual(await bob.texts(), await alice.texts());
    // Only one's own messages are edited and recalled.
    await bob.message("lunch at one?").getByRole("button", { name: "Actions" }).click();
    assert.deepEqual(await bob.page.locator("#message-dialog [data-do]:visible").allTextContents(), ["Reply", "Unpin"]);
    await bob.page.locator("#message-dialog [data-cancel]").click();
    await stage.picture(bob, "phone-changes");
    await bob.fitsItsWidth();
    await leave(alice, bob);
  });

  test("who is mentioned in a group sees it, and its owner recalls what others said", async () => {
    const [alice, bob] = await stage.pair("mention");
    await alice.startGroup("Bridge", ["mention-bob"]);
    await bob.open("Bridge");
    await alice.say("@Bob and @nobody: report");
    await bob.page.locator(".for-me mark", { hasText: "@Bob" }).waitFor();
    assert.deepEqual(await bob.page.locator("#messages mark").allTextContents(), ["@Bob"]);
    assert.equal(await alice.page.locator(".for-me").count(), 0);
    await bob.say("something rude");
    await alice.act("something rude", "Recall");
    await bob.told("Alice recalled a message of Bob");
    await bob.page.getByText("something rude").waitFor({ state: "detached" });
    await alice.previews("Bridge", "You recalled a message");
    await leave(alice, bob);
  });

  test("people are added to a group and leave it", async () => {
    const [alice, bob] = await stage.pair("members");
    await alice.startGroup("Deck", []);
    await alice.say("just me");
    await alice.addMembers(["members-bob"]);
    await alice.page.locator(".system", { hasText: "Alice added Bob" }).waitFor();
    await alice.say("now two");
    await bob.unread("Deck", 1);
    await bob.open("Deck");
    await bob.sees("now two");
    await bob.details();
    await bob.page.locator("#member-list li", { hasText: "Alice" }).getByText("Owner").waitFor();
    await bob.page.locator("#member-list li", { hasText: "Bob (you)" }).waitFor();
    await stage.picture(bob, "members");
    await bob.page.getByRole("button", { name: "Leave group" }).click();
    await bob.line("Deck").waitFor({ state: "detached" });
    await alice.page.locator(".system", { hasText: "Bob left" }).waitFor();
    await alice.say("alone again");
    await alice.tick("alone again", "sent");
    await bob.page.reload();
    await bob.online();
    await bob.page.getByText("No conversations yet.").waitFor();
    await leave(alice, bob);
  });

  test("history is read on scrolling up, in order and once", async () => {
    const [alice, bob] = await stage.pair("history");
    const texts = Array.from({ length: 130 }, (_, i) => `message ${i + 1}`);
    await alice.startChat("history-bob");
    for (const text of texts) await alice.say(text);
    await alice.tick("message 130", "delivered");

    // A page that was open all the time has it already; a fresh one has to read it.
    await bob.page.reload();
    await bob.online();
    await bob.open("Alice");
    await bob.sees("message 130");
    assert.ok((await bob.texts()).length < 130, "not everything is read at once");
    await bob.page.locator("#messages").focus();
    while ((await bob.texts()).length < texts.length) {
      const shown = (await bob.texts()).length;
      await bob.page.locator("#messages").evaluate((messages) => messages.scrollTo(0, 0));
      await bob.page.waitForFunction(
        (count) => document.querySelectorAll("#messages .bubble").length > count, shown);
    }
    assert.deepEqual(await bob.texts(), texts);

    // What comes while one reads above waits below, and is not read yet.
    await bob.page.locator("#messages").evaluate((messages) => messages.scrollTo(0, 0));
    const newest = bob.page.locator("#to-newest");
    await newest.getByText("Newest").waitFor();
    await alice.say("one more");
    await bob.unread("Alice", 1);
    await newest.getByText("New messages").waitFor();
    assert.equal(await bob.page.locator("#messages").evaluate((messages) => messages.scrollTop), 0);
    await alice.tick("one more", "delivered");
    await newest.click();
    await bob.unread("Alice", 0);
    await alice.tick("one more", "read");
    await leave(alice, bob);
  });

  test("a killed server is noticed, and everything is there when it is back", async () => {
    const [alice, bob] = await stage.pair("killed", PHONE);
    await alice.startChat("killed-bob");
    await alice.say("before");
    await bob.open("Alice");
    await bob.sees("before");
    await alice.tick("before", "read");

    for (const person of [alice, bob]) person.serverGoesAway();
    await stage.server.kill();
    const trouble = alice.page.getByRole("status").filter({ hasText: "Connection lost. Reconnecting…" });
    await Promise.all([trouble.waitFor(), bob.page.getByText("Connection lost. Reconnecting…").waitFor()]);
    await alice.fitsItsWidth();
    await stage.picture(alice, "reconnecting");
    await alice.say("into the void");
    await bob.say("me too");
    await alice.tick("into the void", "sending");
    await bob.tick("me too", "sending");

    await stage.server.run();
    await Promise.all([trouble.waitFor({ state: "hidden" }), bob.online()]);
    for (const person of [alice, bob]) {
      await person.sees("into the void");
      await person.sees("me too");
    }
    await alice.tick("into the void", "read");
    await bob.tick("me too", "read");
    for (const person of [alice, bob]) person.serverIsBack();
    await bob.say("after");
    await alice.sees("after");

    const texts = await alice.texts();
    assert.deepEqual(await bob.texts(), texts, "both see the same order");
    assert.deepEqual([...texts].sort(), ["after", "before", "into the void", "me too"]);
    await leave(alice, bob);
  });

  test("someone who was away while the server was killed misses nothing", async () => {
    const [alice, bob] = await stage.pair("away");
    await alice.startChat("away-bob");
    await alice.say("one");
    await bob.open("Alice");
    await bob.sees("one");
    bob.serverGoesAway();
    alice.serverGoesAway();
    await bob.context.setOffline(true);
    await bob.linkState("waiting");
    await alice.say("two");
    await alice.tick("two", "sent");
    await stage.server.kill();
    await stage.server.run();
    await alice.online();
    await alice.say("three");
    await alice.tick("three", "sent");
    await bob.context.setOffline(false);
    await bob.online();
    await bob.sees("three");
    assert.deepEqual(await bob.texts(), ["one", "two", "three"]);
    await alice.tick("three", "read");
    await leave(alice, bob);
  });

  test("what everybody is told is shown until it was seen", async () => {
    const people = await stage.pair("told");
    await stage.server.tellEveryone("Maintenance at <b>22:00</b>");
    for (const { page } of people) await page.locator("#told", { hasText: "Maintenance at <b>22:00</b>" }).waitFor();
    const [alice, bob] = people;
    await stage.picture(alice, "told");
    await alice.page.getByRole("button", { name: "Got it" }).click();
    await alice.page.locator("#told p").waitFor({ state: "hidden" });
    await bob.page.locator("#told-words").waitFor({ state: "visible" });
    await leave(...people);
  });

  test("a phone's width shows the list or the chat, and nothing sticks out", async () => {
    const [alice, bob] = await stage.pair("phone", PHONE);
    await alice.fitsItsWidth();
    await alice.startChat("phone-bob");
    assert.equal(await alice.page.locator("#sidebar").isVisible(), false);
    await alice.say("w".repeat(300));
    await alice.say("a line\nand another");
    await alice.say("https://example.org/".padEnd(200, "long-path/"));
    await alice.tick("w".repeat(300), "delivered");
    await alice.fitsItsWidth();
    await stage.picture(alice, "phone-chat");
    await alice.page.getByRole("button", { name: "Back to conversations" }).click();
    await alice.page.locator("#open-chat").waitFor({ state: "hidden" });
    await alice.focused(alice.line("Bob"));
    // The phone's own way back does the same.
    await alice.page.keyboard.press("Enter");
    await alice.page.locator("#sidebar").waitFor({ state: "hidden" });
    await alice.page.goBack();
    await alice.page.locator("#sidebar").waitFor();
    await alice.fitsItsWidth();
    await bob.unread("Alice", 3);
    await stage.picture(bob, "phone-list");
    await bob.fitsItsWidth();
    await bob.page.getByRole("button", { name: "New group" }).click();
    await bob.fitsItsWidth();
    await stage.picture(bob, "phone-dialog");
    await leave(alice, bob);
  });

  test("a reload keeps the login, signing out ends it, a wrong password is told", async () => {
    const alice = await stage.arrive("sign-alice");
    await alice.fitsItsWidth();
    await alice.register("Alice");
    await alice.page.reload();
    await alice.online();
    await alice.startChat("sign-alice");
    await alice.say("buy milk");
    // Whoever writes to themselves has read it.
    await alice.tick("buy milk", "read");
    await alice.page.getByRole("button", { name: "Sign out" }).click();
    await alice.atTheEntrance();
    assert.equal(await alice.page.evaluate(() => sessionStorage.length), 0);
    await alice.page.reload();
    await alice.atTheEntrance();
    await alice.logInWrongly();
    await alice.logIn();
    await alice.open("Notes to yourself");
    await alice.sees("buy milk");
    await alice.leave();
  });
});
