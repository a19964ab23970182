import assert from "node:assert/strict";
import { test } from "node:test";

import { Pace } from "../../appliance/static/js/pace.js";

/** @param {number | null} seconds */
const rounded = (seconds) => seconds && Math.round(seconds);

/** What is said of a step that does `part` of 100 each two seconds. @param {Pace} pace @param {number[]} parts @param {string} name @param {number} from seconds */
function walk(pace, parts, name = "convert", from = 0) {
  return parts.map((done, index) => rounded(pace.left("one", { name, done, total: 100 }, from + 2 * index)));
}

test("time left is told once there are answers enough to tell it from", () => {
  assert.deepEqual(walk(new Pace(), [10, 20, 30]), [null, null, 14]);
});

test("a step that counts in anything, or does not count, is told alike or not at all", () => {
  const pace = new Pace();
  const told = [1, 2, 3].map((gib, index) => rounded(pace.left("one", { name: "convert", done: gib * 2 ** 30, total: 10 * 2 ** 30 }, index * 2)));
  assert.deepEqual(told, [null, null, 14]);
  assert.equal(pace.left("one", { name: "sign", done: 0, total: null }, 9), null);
  assert.equal(pace.left("one", { name: "sign", done: 0, total: 0 }, 9), null);
});

test("the next step, and one that is done anew, know nothing of the one before", () => {
  const pace = new Pace();
  walk(pace, [10, 20, 30]);
  assert.equal(pace.left("one", { name: "verify", done: 40, total: 100 }, 6), null);
  walk(pace, [10, 20, 30], "verify", 8);
  assert.equal(pace.left("one", { name: "verify", done: 1, total: 100 }, 14), null);
});

test("an older answer that comes late changes nothing", () => {
  const pace = new Pace();
  walk(pace, [10, 20, 30]);
  assert.equal(rounded(pace.left("one", { name: "convert", done: 28, total: 100 }, 4.2)), 14);
});

test("each import has its own", () => {
  const pace = new Pace();
  walk(pace, [10, 20, 30]);
  assert.equal(pace.left("other", { name: "convert", done: 40, total: 100 }, 6), null);
});
