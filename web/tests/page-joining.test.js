// Coming into a group: by a link that ends, by asking, by an invitation.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PHONE, Stage, WITH_PROGRAM, leave } from "./stage.js";

describe("joining groups in the page", WITH_PROGRAM, () => {
  const stage = new Stage();

  const waiting = (person, count) => person.page.locator("#details-waiting", { hasText: String(count) }).waitFor();
  const inDetails = (person, name) => person.page.locator("#details-dialog").getByRole("button", { name, exact: true });

  test("a link lets a newcomer in until it is ended", async () => {
    const [alice, bob] = await stage.pair("link", PHONE);
    await alice.startGroup("Harbour crew", []);
    await alice.details();
    await alice.page.getByLabel("A link lets in whoever has it, for").selectOption("1 day");
    await inDetails(alice, "Make a link").click();
    await inDetails(alice, "Copy the link").click();
    const link = await alice.page.locator("#link-address").inputValue();
    await alice.page.locator("#link-list", { hasText: /A link until .*, used 0 times/ }).waitFor();
    await alice.fitsItsWidth();
    await stage.picture(alice, "phone-link");
    await alice.closeDetails();

    const carol = await stage.arrive("link-carol", PHONE);
    await carol.page.goto("about:blank");
    await carol.page.goto(link);
    await carol.page.getByText("You have a link to “Harbour crew”.").waitFor();
    assert.equal(new URL(carol.page.url()).hash, "", "what lets in does not stay in the address");
    await stage.picture(carol, "phone-entrance");
    await carol.register("Carol");
    await carol.page.locator("#join-dialog", { hasText: "You have a link to “Harbour crew”." }).waitFor();
    await carol.fitsItsWidth();
    await carol.page.locator("#join-submit").click();
    await carol.told("Carol joined through a link");
    await carol.say("ahoy");
    await alice.sees("ahoy");

    await alice.details();
    await alice.page.locator("#link-list", { hasText: "used once" }).getByRole("button", { name: "End" }).click();
    await alice.page.locator("#link-list:empty").waitFor({ state: "attached" });
    await alice.closeDetails();
    bob.expects(/status of 403/);
    await bob.page.evaluate((hash) => (location.hash = hash), new URL(link).hash);
    await bob.page.locator("#join-submit").click();
    await bob.page.locator("#join-dialog .problem", { hasText: "This link has ended" }).waitFor();
    await leave(alice, bob, carol);
  });

  test("where people are approved, those who manage the group are asked", async () => {
    const [alice, bob, carol] = await stage.people("ask", ["Alice", "Bob", "Carol"]);
    await alice.startGroup("Bridge", []);
    await alice.details();
    await alice.page.getByLabel("Whoever knows the group").selectOption("asks, and is let in by owner or admins");
    const address = await alice.page.locator("#group-address").inputValue();
    await alice.closeDetails();
    await alice.told("Alice lets those join who are approved");

    for (const person of [bob, carol]) {
      await person.page.getByRole("button", { name: "Join a group" }).click();
      await person.page.getByLabel("Link, or id of the group").fill(address);
      await person.page.getByLabel("Note").fill(`it is me, ${person.username}`);
      await person.page.locator("#join-submit").click();
      await person.page.getByText("You asked to join.").waitFor();
    }
    await waiting(alice, 2);
    await alice.details();
    await alice.page.locator("#request-list li", { hasText: "“it is me, ask-bob”" }).waitFor();
    await stage.picture(alice, "requests");
    await inDetails(alice, "Let in: Bob").click();
    await alice.page.locator("#member-list li", { hasText: "Bob" }).waitFor();
    await inDetails(alice, "Refuse: Carol").click();
    await alice.page.locator("#request-list li").first().waitFor({ state: "detached" });
    await alice.closeDetails();
    await alice.page.locator("#details-waiting").waitFor({ state: "hidden" });
    await alice.say("welcome");
    await bob.open("Bridge");
    await bob.sees("welcome");
    assert.equal(await carol.page.locator(".line").count(), 0);
    await leave(alice, bob, carol);
  });

  test("who is invited sees it, also later, and joins or declines", async () => {
    const [alice, bob, carol] = await stage.people("invite", ["Alice", "Bob", "Carol"]);
    await alice.startGroup("Galley", []);
    await alice.details();
    await alice.page.getByLabel("Add or invite").fill("invite-bob, invite-carol");
    await inDetails(alice, "Invite").click();
    await alice.told(/^Alice invited (Bob, Carol|Carol, Bob)$/);
    await alice.closeDetails();
    const invitation = (person) => person.page.locator("#invitations li", { hasText: "GalleyAlice invites you" });
    await Promise.all([bob, carol].map((person) => invitation(person).waitFor()));
    await stage.picture(bob, "invitation");
    await bob.reloadUntil(invitation(bob));
    await invitation(bob).getByRole("button", { name: "Join" }).click();
    await bob.page.locator("#chat-name", { hasText: "Galley" }).waitFor();
    await bob.say("thank you");
    await alice.sees("thank you");
    await invitation(carol).getByRole("button", { name: "Decline" }).click();
    await invitation(carol).waitFor({ state: "detached" });
    await invitation(bob).waitFor({ state: "detached" });
    await carol.page.getByRole("button", { name: "Write a note to yourself" }).click();
    await carol.say("no time for that");
    await carol.tick("no time for that", "read");
    // Lists follow within a second; from then on it is gone.
    do {
      await carol.reloadUntil(carol.line("Notes to yourself"));
    } while (await invitation(carol).isVisible());
    await leave(alice, bob, carol);
  });
});
