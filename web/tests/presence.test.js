// Whom the page watches: those who matter most, as many as the server lets it, and again on each socket.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Presence } from "../presence.js";

function made() {
  const sent = [];
  const connection = { online: true, send: (name, content) => connection.online && sent.push([name, content]) };
  const presence = new Presence(() => {});
  presence.attach(connection);
  return { presence, connection, sent: () => sent.splice(0) };
}

const users = (count) => Array.from({ length: count }, (_, i) => `user${i}`);

test("only what changed of those who are watched is said", () => {
  const { presence, sent } = made();
  presence.watch(["bob", "carol"]);
  assert.deepEqual(sent(), [["presence_subscribe", { users: ["bob", "carol"] }]]);
  presence.watch(["carol", "bob"]);
  assert.deepEqual(sent(), []);
  presence.take("presence", { users: [{ user: "bob", state: "offline", last_seen: "1790000000123" }, { user: "eve", state: "online" }] });
  assert.deepEqual(presence.of("bob"), { state: "offline", lastSeen: 1790000000123 });
  assert.equal(presence.of("eve").state, "unknown", "nobody asked for that");
  presence.watch(["carol", "dave"]);
  assert.deepEqual(sent(), [["presence_unsubscribe", { users: ["bob"] }], ["presence_subscribe", { users: ["dave"] }]]);
  assert.equal(presence.of("bob").state, "unknown");
});

test("there is a bound, and a server may have a lower one", () => {
  const { presence, sent } = made();
  presence.watch(users(300));
  assert.equal(sent()[0][1].users.length, 100);
  presence.take("nack", { frame: "presence_subscribe", code: 1208 });
  assert.deepEqual(sent(), [["presence_unsubscribe", {}]]);
  presence.watch(users(300));
  assert.deepEqual(sent(), [["presence_subscribe", { users: users(50) }]]);
});

test("the next socket is told again whom to watch, and that nobody looks", () => {
  const { presence, connection, sent } = made();
  presence.watch(["bob"]);
  presence.take("presence", { users: [{ user: "bob", state: "online" }] });
  connection.online = false;
  presence.disconnected();
  assert.equal(presence.of("bob").state, "unknown");
  presence.report(false);
  presence.watch(["bob"]);
  assert.equal(sent().length, 1);
  connection.online = true;
  presence.take("welcome", {});
  presence.watch(["bob"]);
  assert.deepEqual(sent(), [["presence_report", { state: "away" }], ["presence_subscribe", { users: ["bob"] }]]);
});
