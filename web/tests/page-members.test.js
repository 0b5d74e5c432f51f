// Who keeps a group in order: its owner makes admins, and both send members away.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { PHONE, Stage, WITH_PROGRAM, leave } from "./stage.js";

describe("members of a group in the page", WITH_PROGRAM, () => {
  const stage = new Stage();

  test("the owner makes an admin, who removes a member; a member can do neither", async () => {
    const [alice, bob, carol] = await stage.people("rank", ["Alice", "Bob", "Carol"], PHONE);
    await alice.startGroup("Crew", ["rank-bob", "rank-carol"]);
    for (const person of [bob, carol]) await person.open("Crew");
    const inDetails = (person, name) => person.page.locator("#details-dialog").getByRole("button", { name, exact: true });
    const line = (person, name) => person.page.locator("#member-list li", { hasText: name });

    await carol.details();
    await line(carol, "Alice").getByText("Owner", { exact: true }).waitFor();
    assert.equal(await carol.page.locator("#member-list :is(button, select)").count(), 0);
    await carol.closeDetails();

    await alice.details();
    await alice.page.getByLabel("Role of Bob").selectOption("Admin");
    await alice.fitsItsWidth();
    await stage.picture(alice, "phone-members");
    await bob.details();
    await line(bob, "Bob").getByText("Admin", { exact: true }).waitFor();
    assert.equal(await line(bob, "Alice").getByRole("button").count(), 0, "nobody removes the owner");
    await inDetails(bob, "Remove: Carol").click();
    await line(bob, "Carol").waitFor({ state: "detached" });
    await carol.page.getByText("You are no longer a member.").waitFor();
    // The dialog of the owner follows what others do.
    await line(alice, "Carol").waitFor({ state: "detached" });
    await alice.page.getByLabel("Role of Bob").selectOption("Member");
    await bob.page.locator("#member-form").waitFor({ state: "hidden" });
    await inDetails(alice, "Remove: Bob").click();
    await bob.page.getByText("You are no longer a member.").waitFor();
    await alice.closeDetails();
    await leave(alice, bob, carol);
  });

  test("the owner hands the group over, once asked again, and may leave then", async () => {
    const [alice, bob] = await stage.people("hand", ["Alice", "Bob"], PHONE);
    await alice.startGroup("Baton", ["hand-bob"]);
    await alice.details();
    const role = alice.page.getByLabel("Role of Bob");
    const answers = (answer) => alice.page.once("dialog", (asked) => asked[answer]());

    answers("dismiss");
    await role.selectOption("Owner");
    await alice.page.waitForFunction((list) => list.value === "member", await role.elementHandle());

    answers("accept");
    await role.selectOption("Owner");
    const leaves = alice.page.locator("#leave-group");
    await leaves.waitFor();
    await alice.page.locator("#member-list li", { hasText: "Bob" }).getByText("Owner", { exact: true }).waitFor();
    await bob.open("Baton");
    await bob.told("Alice handed the group over to Bob");
    await leaves.click();
    await bob.details();
    await bob.page.locator("#member-list li", { hasText: "Alice" }).waitFor({ state: "detached" });
    await leave(alice, bob);
  });
});
