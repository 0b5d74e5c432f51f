// Notifications of the system. Headless browsers have none to show, so the test stands in for the system.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Stage, WITH_PROGRAM, leave } from "./stage.js";

describe("notifications of the page", WITH_PROGRAM, () => {
  const stage = new Stage();

  test("who wants to be told is told of what they do not look at, and comes to it", async () => {
    const [alice, bob] = await stage.pair("notify");
    await bob.context.addInitScript(() => {
      globalThis.notified = [];
      globalThis.Notification = class extends EventTarget {
        static permission = "default";
        static requestPermission() {
          globalThis.Notification.permission = "granted";
          return Promise.resolve("granted");
        }
        constructor(title, { body }) {
          super();
          globalThis.notified.push({ said: `${title}: ${body}`, shown: this });
        }
        close() {}
      };
    });
    const notified = () => bob.page.evaluate(() => globalThis.notified.map(({ said }) => said));
    await bob.page.reload();
    await bob.online();
    await alice.startChat("notify-bob");
    await alice.say("before anybody asked");
    await bob.unread("Alice", 1);
    await stage.picture(bob, "notify");
    await bob.page.getByRole("button", { name: "Notify me of new messages" }).click();
    await bob.page.locator("#notify").waitFor({ state: "hidden" });
    await alice.say("while you look");
    await bob.unread("Alice", 2);
    await bob.looksAtThis(false);
    await alice.say("lunch?");
    await alice.page.getByRole("button", { name: "Options of the message" }).click();
    await alice.page.getByLabel("Disappears").selectOption("after 1 hour");
    await alice.say("the code is 1234");
    await bob.unread("Alice", 4);
    await bob.page.waitForFunction(() => globalThis.notified.length > 1);
    assert.deepEqual(await notified(), ["Alice: lunch?", "Alice: A message that expires"]);
    await bob.looksAtThis(true);
    await bob.page.evaluate(() => globalThis.notified[0].shown.dispatchEvent(new Event("click")));
    await bob.sees("lunch?");
    await bob.unread("Alice", 0);
    await leave(alice, bob);
  });
});
