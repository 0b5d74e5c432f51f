// Who is there, as the page shows it.

import { describe, test } from "node:test";

import { PHONE, Stage, WITH_PROGRAM, leave } from "./stage.js";

describe("presence in the page", WITH_PROGRAM, () => {
  const stage = new Stage();

  test("the other is shown as online, away, and gone since", async () => {
    const [alice, bob] = await stage.pair("there");
    await alice.startChat("there-bob");
    await alice.say("hello");
    await alice.seesPresence("Bob", "online", /^online$/);
    // Who only hears the line is told, too.
    await alice.page.getByRole("button", { name: /^Bob online/ }).waitFor();
    await stage.picture(alice, "online");
    await bob.looksAtThis(false);
    await alice.seesPresence("Bob", "away", /^away since \d/);
    await bob.looksAtThis(true);
    await alice.seesPresence("Bob", "online", /^online$/);
    await bob.open("Alice");
    await bob.page.getByLabel("Message", { exact: true }).pressSequentially("ye");
    await alice.page.locator("#chat-note", { hasText: "Bob is typing…" }).waitFor();
    await alice.page.locator("#chat-presence:empty").waitFor({ state: "attached" });
    await bob.leave();
    await alice.seesPresence("Bob", "offline", /^last seen \d/);
    await leave(alice);
  });

  test("after the server was away it is known again, of those on a phone's screen", async () => {
    const [alice, bob] = await stage.pair("again", PHONE);
    await alice.startChat("again-bob");
    await alice.say("hello");
    await alice.page.locator("#chat-avatar[data-presence=online]").waitFor();
    for (const person of [alice, bob]) person.serverGoesAway();
    await stage.server.kill();
    await alice.page.locator("#chat-avatar[data-presence=unknown]").waitFor();
    await stage.server.run();
    await Promise.all([alice.online(), bob.online()]);
    await alice.page.locator("#chat-avatar[data-presence=online]").waitFor();
    await alice.fitsItsWidth();
    await leave(alice, bob);
  });
});
