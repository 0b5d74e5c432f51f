// Messages that are to be confirmed.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PHONE, Stage, WITH_PROGRAM, leave } from "./stage.js";

describe("confirming in the page", WITH_PROGRAM, () => {
  const stage = new Stage();

  async function askAll(person, text) {
    if (!(await person.page.locator("#options").isVisible())) {
      await person.page.getByRole("button", { name: "Options of the message" }).click();
    }
    await person.page.getByLabel("Ask everybody to confirm it").check();
    await person.say(text);
  }
  const button = (person, text, words) => person.message(text).locator(".confirm", { hasText: words });

  test("everybody in a group confirms, and the sender sees who has", async () => {
    const [alice, bob, carol] = await stage.people("drill", ["Alice", "Bob", "Carol"], PHONE);
    await alice.startGroup("Crew", ["drill-bob", "drill-carol"]);
    await Promise.all([bob, carol].map((person) => person.line("Crew").waitFor()));
    await askAll(alice, "fire drill at noon");
    await button(alice, "fire drill at noon", "0 of 2 confirmed").waitFor();
    await alice.say("and bring your boots");
    await alice.sees("and bring your boots");
    assert.equal(await alice.message("and bring your boots").locator(".confirm").count(), 0, "asked for once");

    await bob.line("Crew").getByRole("img", { name: "1 to confirm" }).waitFor();
    await stage.picture(bob, "phone-to-confirm");
    await bob.open("Crew");
    await bob.page.getByText("A message waits for your confirmation").waitFor();
    await bob.fitsItsWidth();
    await button(bob, "fire drill at noon", "Confirm").click();
    await button(bob, "fire drill at noon", "✓ You confirmed").waitFor();
    await bob.focused(bob.message("fire drill at noon").locator(".confirm"));
    await bob.page.locator("#to-confirm").waitFor({ state: "hidden" });
    await button(alice, "fire drill at noon", "1 of 2 confirmed").click();
    const row = (name) => alice.page.locator("#confirmation-list li", { hasText: name });
    await row("Bob").getByText("✓ confirmed").waitFor();
    await row("Carol").getByText("not yet").waitFor();
    await alice.fitsItsWidth();
    await stage.picture(alice, "phone-confirmations");

    // Also somebody who was away meanwhile; the list follows.
    await carol.page.reload();
    await carol.online();
    await carol.line("Crew").getByRole("img", { name: "1 to confirm" }).waitFor();
    await carol.open("Crew");
    await button(carol, "fire drill at noon", "Confirm").click();
    await row("Carol").getByText("✓ confirmed").waitFor();
    await alice.page.locator("#confirmations-count", { hasText: "2 of 2 confirmed" }).waitFor();
    await alice.page.locator("#confirmations-dialog [data-cancel]").click();
    for (const person of [alice, bob]) {
      await person.page.reload();
      await person.online();
      await person.open("Crew");
    }
    await button(alice, "fire drill at noon", "2 of 2 confirmed").waitFor();
    await bob.sees("fire drill at noon");
    assert.equal(await bob.page.locator(".confirm:visible").count(), 0, "nothing waits");
    await leave(alice, bob, carol);
  });

  test("between two, and what was recalled waits no more", async () => {
    const [alice, bob] = await stage.pair("two");
    await alice.startChat("two-bob");
    await askAll(alice, "sign here");
    await askAll(alice, "and there");
    await bob.open("Alice");
    await bob.page.getByText("2 messages wait for your confirmation").waitFor();
    await alice.act("and there", "Recall");
    await bob.page.getByText("A message waits for your confirmation").waitFor();
    await button(bob, "sign here", "Confirm").click();
    await button(alice, "sign here", "1 of 1 confirmed").waitFor();
    await stage.picture(alice, "confirmed");
    await bob.line("Alice").getByRole("img", { name: "to confirm" }).waitFor({ state: "detached" });
    await leave(alice, bob);
  });
});
