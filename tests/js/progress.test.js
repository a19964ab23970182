import assert from "node:assert/strict";
import { test } from "node:test";

import { Plan } from "../../appliance/static/js/plan.js";
import { Progress } from "../../appliance/static/js/progress.js";

/** @typedef {import("../../appliance/static/js/ranges.js").Range} Range */

/** Progress of `size` bytes, with a clock that is set by hand. */
function setUp(size = 1000) {
  const clock = { now: 0 };
  const seen = { changes: 0 };
  const plan = new Plan(size);
  return { clock, seen, plan, progress: new Progress(plan, () => clock.now, () => { seen.changes += 1; }) };
}

/** A second, in which `bytes` more of a chunk leave the browser. @param {ReturnType<typeof setUp>} it @param {Range} chunk @param {number} bytes */
function second({ clock, progress }, chunk, bytes) {
  clock.now += 1;
  progress.float(chunk, chunk[0], bytes);
  progress.tick();
}

/** @param {number} start @param {number} end @param {boolean} zero */
function run(start, end, zero = false) {
  return { start, end, zero, sha256: null };
}

test("what is afloat is sent, what landed is durable", () => {
  const { plan, progress } = setUp();
  /** @type {Range} */
  const one = [0, 400];
  /** @type {Range} */
  const other = [400, 800];
  progress.float(one, 0, 100);
  progress.float(other, 400, 50);
  assert.deepEqual([progress.sent, progress.sentBytes], [[[0, 100], [400, 450]], 150]);

  progress.land(one, run(0, 400));

  assert.deepEqual([progress.sent, plan.durable], [[[400, 450]], [[0, 400]]]);
});

test("what is lost on the road counts as neither", () => {
  const { plan, progress } = setUp();
  /** @type {Range} */
  const chunk = [0, 400];
  progress.float(chunk, 0, 300);

  progress.sink(chunk);

  assert.deepEqual([progress.sentBytes, plan.durableBytes], [0, 0]);
});

test("zeros say nothing of the road's speed", () => {
  const it = setUp(1 << 20);
  it.progress.tick();
  it.clock.now += 1;
  it.progress.land([0, 1 << 19], run(0, 1 << 19, true));
  it.progress.tick();
  assert.equal(it.progress.speed, 0);
  assert.equal(it.plan.durableBytes, 1 << 19);
});

test("speed and time left are those of the data", () => {
  const it = setUp(1000);
  /** @type {Range} */
  const chunk = [0, 1000];
  it.progress.tick();
  for (const bytes of [100, 200, 300]) second(it, chunk, bytes);
  assert.equal(it.progress.speed, 100);
  assert.equal(it.progress.left, 7);
});

test("while something holds it up there is no speed and no time left, and afterwards no gap in them", () => {
  const it = setUp(1000);
  /** @type {Range} */
  const chunk = [0, 1000];
  it.progress.tick();
  for (const bytes of [100, 200]) second(it, chunk, bytes);

  it.progress.feel("offline", "No network.");
  assert.deepEqual([it.progress.speed, it.progress.left, it.progress.why], [0, null, "No network."]);
  it.clock.now += 1000;
  it.progress.tick();
  it.progress.feel("");
  it.progress.tick();
  second(it, chunk, 300);

  assert.equal(it.progress.speed, 100);
});

test("only a new mood is news", () => {
  const { seen, progress } = setUp();
  progress.feel("waiting", "a");
  progress.feel("waiting", "a");
  assert.equal(seen.changes, 1);
  progress.feel("waiting", "b");
  assert.equal(seen.changes, 2);
});

test("at the end nothing is afloat and nothing is waited for", () => {
  const { progress } = setUp();
  progress.float([0, 400], 0, 100);
  progress.feel("waiting", "a");

  progress.rest();

  assert.deepEqual([progress.sent, progress.mood, progress.why], [[], "", ""]);
});
