import assert from "node:assert/strict";
import { test } from "node:test";

import { LONGEST, retryAfter, wait } from "../../appliance/static/js/backoff.js";

test("waits double, and stay below the longest", () => {
  const waits = [0, 1, 2, 3, 10, 1000].map((attempt) => wait(attempt, null, () => 1));
  assert.deepEqual(waits, [0.5, 1, 2, 4, LONGEST, LONGEST]);
});

test("jitter takes up to a half off", () => {
  assert.equal(wait(3, null, () => 0), 2);
});

test("never sooner than the server asked", () => {
  assert.equal(wait(0, 17, () => 0), 17);
});

test("Retry-After is understood as seconds and as a date", () => {
  assert.equal(retryAfter("7"), 7);
  assert.equal(retryAfter("Wed, 21 Oct 2026 07:28:10 GMT", Date.parse("2026-10-21T07:28:00Z")), 10);
});

test("nonsense and eternity in Retry-After are not believed", () => {
  assert.equal(retryAfter(null), null);
  assert.equal(retryAfter("soon"), null);
  assert.equal(retryAfter("999999999"), 300);
  assert.equal(retryAfter("Wed, 21 Oct 2020 07:28:10 GMT"), 0);
});
