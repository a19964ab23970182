import assert from "node:assert/strict";
import { test } from "node:test";

import { gaps, merge, total } from "../../appliance/static/js/ranges.js";

test("ranges merge where they touch or overlap, whatever their order", () => {
  assert.deepEqual(merge([[50, 60], [0, 10], [10, 20], [15, 30], [40, 40]]), [[0, 30], [50, 60]]);
});

test("merging leaves what it was given alone", () => {
  /** @type {[number, number][]} */
  const given = [[0, 10], [5, 20]];
  merge(given);
  assert.deepEqual(given, [[0, 10], [5, 20]]);
});

test("gaps are what is not there, up to the size", () => {
  assert.deepEqual(gaps(100, [[10, 20], [90, 120]]), [[0, 10], [20, 90]]);
  assert.deepEqual(gaps(100, []), [[0, 100]]);
  assert.deepEqual(gaps(100, [[0, 100]]), []);
});

test("ranges far beyond 32 bits keep every byte", () => {
  const end = 200 * 2 ** 30 + 1;
  assert.equal(total(gaps(end, [[0, end - 1]])), 1);
});
