// What axe-core finds of WCAG and good practice in the page, light and dark, while it is used.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { describe, test } from "node:test";

import { HUES } from "../format.js";
import { PHONE, Stage, WITH_PROGRAM, leave } from "./stage.js";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

describe("the page for everybody", WITH_PROGRAM, () => {
  const stage = new Stage();

  /** Fails with what is wrong where, in both colour schemes. Without motion, so that nothing is half seen. */
  async function isFine({ page }, where) {
    await page.evaluate(await readFile(AXE, "utf8"));
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const found = await page.evaluate(async () => (await globalThis.axe.run(document, { resultTypes: ["violations"] })).violations
        .map(({ help, nodes }) => `${help}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`));
      assert.deepEqual(found, [], `${where}, ${colorScheme}`);
    }
  }

  test("nothing is wrong at the entrance, in the list, a chat and the dialogs", async () => {
    const newcomer = await stage.arrive("access-newcomer", PHONE);
    await isFine(newcomer, "entrance");
    await newcomer.register("Nora");
    await isFine(newcomer, "no conversations");
    const [alice, bob] = await stage.pair("access");
    await alice.startGroup("Crew", ["access-bob", "access-newcomer"]);
    await alice.page.getByRole("button", { name: "Options of the message" }).click();
    await alice.page.getByLabel("Ask everybody to confirm it").check();
    await alice.page.getByLabel("Disappears").selectOption("after 1 hour");
    await alice.say("see https://example.org");
    await bob.open("Crew");
    await bob.act("see https://example.org", "React with 👍");
    await bob.act("see https://example.org", "Reply");
    await bob.say("@Alice yes");
    await alice.sees("@Alice yes");
    await isFine(alice, "a chat");
    await isFine(bob, "a chat with something to confirm");
    await newcomer.unread("Crew", 2);
    await isFine(newcomer, "the list on a phone");

    await alice.details();
    await alice.page.getByRole("button", { name: "Make a link" }).click();
    await alice.page.locator("#link-made").waitFor();
    await isFine(alice, "details");
    await alice.page.getByLabel("First in the list").check();
    await alice.page.getByLabel("Notifications").selectOption("off");
    for (const sign of ["pinned", "muted"]) await alice.line("Crew").getByLabel(sign).waitFor();
    await alice.closeDetails();
    await alice.message("see https://example.org").locator(".confirm").click();
    await alice.page.locator("#confirmation-list li").first().waitFor();
    await isFine(alice, "who has confirmed");
    await alice.page.keyboard.press("Escape");
    await alice.focused(alice.message("see https://example.org").locator(".confirm"));
    for (const [person, opener] of [[alice, "New chat"], [alice, "New group"], [alice, "Join a group"]]) {
      await person.page.getByRole("button", { name: opener }).click();
      await isFine(person, opener);
      await person.page.keyboard.press("Escape");
      await person.focused(person.page.getByRole("button", { name: opener }));
    }
    await bob.message("see https://example.org").getByRole("button", { name: "Actions" }).click();
    await isFine(bob, "what to do with a message");
    await leave(newcomer, alice, bob);
  });

  test("names and initials are readable in whichever hue an id gives them", async () => {
    const [alice, bob] = await stage.pair("hues");
    await alice.startGroup("Crew", ["hues-bob"]);
    await alice.say("hello");
    await bob.open("Crew");
    await bob.sees("hello");
    const colours = await bob.page.evaluate((count) => {
      for (const one of [document.querySelector("#messages .sender"), document.querySelector(".line .avatar")]) {
        one.replaceWith(...Array.from({ length: count }, (_, hue) => {
          const copy = one.cloneNode(true);
          copy.dataset.hue = hue;
          return copy;
        }));
      }
      return new Set([...document.querySelectorAll("#messages .sender")].map((one) => getComputedStyle(one).color)).size;
    }, HUES);
    assert.equal(colours, HUES);
    await isFine(bob, "names in every hue");
    await leave(alice, bob);
  });
});
