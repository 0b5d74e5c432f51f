// When the page leaves a server that is about to stop.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Connection } from "../connection.js";

class Socket {
  static all = [];
  closedWith = null;

  constructor() {
    Socket.all.push(this);
  }

  send() {}

  close(code) {
    this.closedWith = code;
  }

  tell(name, content) {
    this.onmessage({ data: JSON.stringify({ [name]: content }) });
  }
}

Object.assign(globalThis, {
  WebSocket: Socket,
  addEventListener() {},
  location: { href: "http://chat.example/", protocol: "http:" },
});

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a page that is told to go stays until its time, and then comes back at once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const handlers = { onState() {}, onFrame() {}, onSignedOut() {} };
  const connection = new Connection({ token: async () => "token" }, handlers);
  connection.start();
  await settled();
  Socket.all[0].tell("welcome", { ping_ms: 25_000 });
  Socket.all[0].tell("goaway", { reconnect_after_ms: 9_000 });
  t.mock.timers.tick(8_999);
  assert.ok(connection.send("typing", {}), "it is served until then");
  t.mock.timers.tick(1);
  await settled();
  assert.deepEqual([Socket.all.length, Socket.all[0].closedWith], [2, 1000]);
  Socket.all[1].tell("welcome", { ping_ms: 25_000 });
  assert.ok(connection.online);
  connection.stop();
});
