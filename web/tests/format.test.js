// Times as people read them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, day, shortTime } from "../format.js";

test("the nearer a day, the shorter its name", () => {
  const now = new Date(2026, 9, 26, 9, 30).getTime();
  const at = (dayOfMonth, hour = 23) => new Date(2026, 9, dayOfMonth, hour, 59).getTime();
  assert.equal(shortTime(at(26, 8), now), clock(at(26, 8)));
  // Clocks that run ahead here do not make it tomorrow there.
  assert.equal(shortTime(at(27), now), clock(at(27)));
  const named = (ago) => new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(-ago, "day");
  assert.equal(shortTime(at(25), now).toLowerCase(), named(1));
  assert.equal(shortTime(at(21), now), new Intl.DateTimeFormat(undefined, { weekday: "short" }).format(at(21)));
  assert.match(shortTime(at(19), now), /19/);
  assert.equal(shortTime(0, now), "");
  assert.deepEqual([at(26, 0), at(25, 0)].map((time) => day(time, now).toLowerCase()), [named(0), named(1)]);
  assert.match(day(at(24), now), /24.*2026|2026.*24/);
});
