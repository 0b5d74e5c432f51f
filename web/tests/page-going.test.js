// What goes by itself: single messages, and what a conversation no longer keeps.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PHONE, Stage, WITH_PROGRAM, leave } from "./stage.js";

describe("what goes by itself in the page", WITH_PROGRAM, () => {
  const stage = new Stage();

  test("a message that expires shows how long it has, and goes", async () => {
    const [alice, bob] = await stage.pair("expiry", PHONE);
    await alice.startChat("expiry-bob");
    await alice.page.getByRole("button", { name: "Options of the message" }).click();
    await alice.page.getByLabel("Disappears").selectOption("after 10 seconds");
    await alice.fitsItsWidth();
    await bob.page.getByText("No conversations yet.").waitFor();
    await alice.say("the code is 1234");
    await bob.open("Alice");
    for (const person of [alice, bob]) {
      await person.message("the code is 1234").locator(".left", { hasText: /\d+s left/ }).waitFor();
    }
    await stage.picture(alice, "phone-expiry");
    await alice.page.getByLabel("Disappears").selectOption("never");
    await alice.say("that stays");
    for (const person of [alice, bob]) {
      await person.told("A message of Alice has expired");
      assert.equal(await person.page.getByText("1234").count(), 0);
      assert.deepEqual(await person.texts(), ["that stays"]);
      assert.equal(await person.page.locator(".left").count(), 0);
    }
    await bob.page.reload();
    await bob.online();
    await bob.open("Alice");
    await bob.told("A message of Alice has expired");
    await leave(alice, bob);
  });

  test("how long a conversation keeps its messages is set by those who may, and known to all", async () => {
    const [alice, bob] = await stage.pair("kept");
    const chosen = (person, words) => person.page.locator("#retention option:checked", { hasText: words }).waitFor({ state: "attached" });
    await alice.startChat("kept-bob");
    await alice.say("hello");
    await bob.open("Alice");
    await bob.details();
    await bob.page.getByLabel("Messages are kept").selectOption("for 7 days");
    await bob.closeDetails();
    for (const person of [alice, bob]) await person.told("Bob lets messages stay for 7 days");
    await alice.details();
    await chosen(alice, "for 7 days");
    await stage.picture(alice, "details-direct");
    await alice.closeDetails();

    await alice.startGroup("Log", ["kept-bob"]);
    await alice.details();
    await alice.page.getByLabel("Messages are kept").selectOption("for 1 day");
    await alice.closeDetails();
    await alice.told("Alice lets messages stay for 1 day");
    await bob.page.reload();
    await bob.online();
    await bob.open("Log");
    await bob.details();
    await chosen(bob, "for 1 day");
    assert.ok(await bob.page.getByLabel("Messages are kept").isDisabled(), "a member may only see it");
    await bob.closeDetails();
    await leave(alice, bob);
  });
});
