// What one keeps for oneself: drafts, the place and the noise of conversations, what is to be read again, the login.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PHONE, Stage, WITH_PROGRAM, leave } from "./stage.js";

describe("what one keeps for oneself in the page", WITH_PROGRAM, () => {
  const stage = new Stage();

  const titles = ({ page }) => page.locator("#conversations .line-title").allTextContents();

  /** Waits until the list has these, in this order. */
  async function lists(person, expected) {
    await person.page.waitForFunction((wanted) => {
      const lines = [...document.querySelectorAll("#conversations .line-title")];
      return JSON.stringify(lines.map((line) => line.textContent)) === JSON.stringify(wanted);
    }, expected);
    assert.deepEqual(await titles(person), expected);
  }

  test("a draft survives a reload and is there in another window, and is gone once it is sent", async () => {
    const [alice, bob] = await stage.pair("draft");
    await alice.startChat("draft-bob");
    await alice.say("hello");
    await alice.startGroup("Crew", ["draft-bob"]);
    await alice.open("Bob");
    await alice.page.getByLabel("Message", { exact: true }).fill("see you at");
    await alice.open("Crew");
    await alice.previews("Bob", "Draft: see you at");
    await alice.page.reload();
    await alice.online();
    await alice.previews("Bob", "Draft: see you at");
    await alice.open("Bob");
    const draft = alice.page.getByLabel("Message", { exact: true });
    assert.equal(await draft.inputValue(), "see you at");
    await draft.press("Enter");
    await alice.tick("see you at", "delivered");
    await alice.open("Crew");
    await alice.previews("Bob", "You: see you at");
    await alice.page.reload();
    await alice.online();
    // Lists follow the log within moments: it may be what she said before.
    await alice.previews("Bob", /^You: /);
    await leave(alice, bob);
  });

  test("what was written stays while another message is edited", async () => {
    const [alice, bob] = await stage.pair("aside");
    const composer = alice.page.getByLabel("Message", { exact: true });
    const holds = (text) => alice.page.waitForFunction((wanted) => document.getElementById("draft").value === wanted, text);
    await alice.startChat("aside-bob");
    await alice.say("one");
    await alice.tick("one", "delivered");
    await composer.fill("half a thought");
    await alice.act("one", "Edit");
    await holds("one");
    await composer.fill("two");
    await alice.page.keyboard.press("Enter");
    await alice.sees("two");
    await holds("half a thought");
    await alice.act("two", "Edit");
    await holds("two");
    await composer.fill("three");
    await alice.page.keyboard.press("Escape");
    await holds("half a thought");
    await alice.page.keyboard.press("Enter");
    await alice.tick("half a thought", "delivered");
    await holds("");
    assert.deepEqual(await alice.texts(), ["two", "half a thought"]);
    await leave(alice, bob);
  });

  test("conversations are pinned, archived, muted and marked as unread", async () => {
    const [alice, bob] = await stage.pair("own", PHONE);
    for (const name of ["Work", "Home"]) {
      await alice.startGroup(name, ["own-bob"]);
      await alice.page.goBack();
    }
    await lists(alice, ["Home", "Work"]);
    await alice.open("Work");
    await alice.details();
    await alice.fitsItsWidth();
    await stage.picture(alice, "phone-details-own");
    await alice.page.getByLabel("First in the list").check();
    await alice.page.getByLabel("Notifications").selectOption("off for 1 hour");
    await alice.page.locator("#muted option:checked", { hasText: /^off until/ }).waitFor({ state: "attached" });
    await alice.page.getByRole("button", { name: "Mark as unread" }).click();
    await lists(alice, ["Work", "Home"]);
    for (const sign of ["pinned", "muted", "marked as unread"]) await alice.line("Work").getByLabel(sign).waitFor();
    await stage.picture(alice, "phone-list-own");
    await alice.page.reload();
    await alice.online();
    await lists(alice, ["Work", "Home"]);
    await alice.line("Work").getByLabel("marked as unread").waitFor();
    await alice.open("Work");
    await alice.page.goBack();
    await alice.line("Work").getByLabel("marked as unread").waitFor({ state: "detached" });

    await alice.open("Home");
    await alice.details();
    await alice.page.getByLabel("Archived", { exact: true }).check();
    await alice.closeDetails();
    await alice.page.goBack();
    await lists(alice, ["Work"]);
    await alice.fitsItsWidth();
    await alice.page.getByRole("button", { name: "Archived (1)" }).click();
    await lists(alice, ["Work", "Home"]);
    await bob.open("Work");
    await bob.say("quietly");
    await alice.unread("Work", 1);
    assert.equal(await alice.page.title(), "Tidegate", "it is muted");
    await leave(alice, bob);
  });

  test("whoever stays signed in comes back without a password, in all windows, until they sign out in one", async () => {
    const [ann] = await stage.people("stay", ["Ann"]);
    await ann.page.getByRole("button", { name: "Sign out" }).click();
    await ann.atTheEntrance();
    await ann.logIn();
    await ann.newWindow();
    await ann.atTheEntrance();
    await ann.page.getByLabel("Stay signed in").check();
    await ann.logIn();
    const first = ann.page;
    await ann.newWindow();
    await ann.online();
    // Both find that their token has ended, and only one may use the refresh token.
    await ann.page.evaluate(() => {
      const login = JSON.parse(localStorage.getItem("tidegate.login"));
      localStorage.setItem("tidegate.login", JSON.stringify({ ...login, expires: 0 }));
    });
    await Promise.all([ann.page.reload(), first.reload()]);
    await ann.online();
    await first.locator("#link-state[data-state=online]").waitFor({ state: "attached" });
    await ann.startChat("stay-ann");
    ann.expects(/status of 401|WebSocket connection to/);
    await first.getByRole("button", { name: "Sign out" }).click();
    await ann.atTheEntrance();
    await leave(ann);
  });
});
