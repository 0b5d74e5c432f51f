// Every change of a group has its words, and one that this page does not know has some too.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversation } from "../conversation.js";
import { words } from "../format.js";

const name = (id) => id.toUpperCase();
const said = (system) => words({ sender: "olga", body: { system } }, name);

test("each change says who did what to whom", () => {
  const expected = [
    [{ created: { name: "Team" } }, "OLGA created the group “Team”"],
    [{ edited: { name: "New", announcement: "Lunch" } }, "OLGA named the group “New”, announced: Lunch"],
    [{ edited: { read_only: true } }, "OLGA lets only admins send"],
    [{ edited: { attributes: [{ name: "a" }] } }, "OLGA changed the group's attributes"],
    [{ joined: { users: ["bob"] } }, "BOB joined"],
    [{ joined_by_link: { user: "bob", link: "l" } }, "BOB joined through a link"],
    [{ left: {} }, "OLGA left"],
    [{ added: { users: ["bob", "eve"] } }, "OLGA added BOB, EVE"],
    [{ removed: { users: ["bob"] } }, "OLGA removed BOB"],
    [{ role_set: { users: ["bob"], role: "admin" } }, "OLGA made BOB admin"],
    [{ transferred: { from: "olga", to: "bob" } }, "OLGA handed the group over to BOB"],
    [{ muted: { users: ["bob"], until: "0" } }, "OLGA let BOB speak again"],
    [{ muted: { users: ["bob"], until: "253402300799000" } }, "OLGA muted BOB"],
    [{ all_muted: { until: "0" } }, "OLGA let everyone speak again"],
    [{ nicknamed: { user: "bob", nickname: "Bobby" } }, "BOB is called “Bobby” here"],
    [{ join_asked: { user: "bob", note: "hi" } }, "BOB asks to join: “hi”"],
    [{ join_approved: { users: ["bob"] } }, "OLGA let BOB in"],
    [{ join_rejected: { users: ["bob"] } }, "OLGA did not let BOB in"],
    [{ invited: { users: ["bob"] } }, "OLGA invited BOB"],
    [{ uninvited: { users: ["bob"] } }, "BOB is no longer invited"],
    [{ link_made: { link: "l" } }, "OLGA made a link to join"],
    [{ link_ended: { link: "l" } }, "OLGA ended a link to join"],
    [{ dismissed: {} }, "OLGA dismissed the group"],
    [{ retention_set: { seconds: 604800 } }, "OLGA lets messages stay for 7 days"],
    [{ retention_set: { seconds: 3600 } }, "OLGA lets messages stay for 1 hour"],
    [{ retention_set: { seconds: 90 } }, "OLGA lets messages stay for 90 seconds"],
    [{ retention_set: { seconds: 0 } }, "OLGA lets messages stay as long as the server keeps them"],
    [{ notice: { text: "hello" } }, "hello"],
    [{ of_tomorrow: {} }, "The group was changed"],
  ];
  for (const [system, text] of expected) assert.equal(said(system), text);
  assert.match(said({ muted: { users: ["bob"], until: "1790000000000" } }), /^OLGA muted BOB until .*20/);
});

test("a group takes its new name, and whoever was let in is in it", () => {
  const group = new Conversation("g.team");
  const take = (seq, system) => group.takeEntry({ seq, sender: "olga", time: seq, body: { system } }, "bob");
  take(1, { created: { name: "Team" } });
  take(2, { edited: { name: "New" } });
  assert.equal(group.name, "New");
  take(3, { removed: { users: ["bob"] } });
  assert.equal(group.left, true);
  take(4, { join_approved: { users: ["bob"] } });
  assert.equal(group.left, false);
  take(5, { left: { users: ["bob"] } });
  take(6, { joined_by_link: { user: "bob", link: "l" } });
  assert.equal(group.left, false);
});
