// How soon the page comes back.

import assert from "node:assert/strict";
import { test } from "node:test";

import { backoffMs } from "../connection.js";

test("attempts are spread over all of a bound that doubles up to half a minute", () => {
  for (const [failures, bound] of [[0, 500], [1, 1_000], [3, 4_000], [6, 30_000], [100, 30_000]]) {
    assert.equal(backoffMs(failures, 0), 0);
    assert.equal(backoffMs(failures, 0.5), bound / 2);
    assert.ok(backoffMs(failures, 0.999) < bound);
  }
});
