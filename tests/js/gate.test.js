import assert from "node:assert/strict";
import { test } from "node:test";

import { Gate, PLACES } from "../../appliance/static/js/gate.js";

const never = new AbortController().signal;

/** Work that ends when it is told to. */
function work() {
  const seen = { begun: false, end: () => {}, fail: (/** @type {Error} */ _error) => {} };
  return { seen, run: () => new Promise((/** @type {(value: void) => void} */ resolve, reject) => Object.assign(seen, { begun: true, end: resolve, fail: reject })) };
}

/** Everything that can go on has gone on. */
function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}

test("the page keeps two of a browser's six connections", () => {
  assert.ok(PLACES <= 4);
});

test("as many as there are places go at once, the next one when a place is free, in order", async () => {
  const gate = new Gate(2);
  const works = [work(), work(), work(), work()];
  const runs = works.map(({ run }) => gate.pass(never, run));
  await settled();
  assert.deepEqual(works.map(({ seen }) => seen.begun), [true, true, false, false]);

  works[1].seen.end();
  await settled();
  assert.deepEqual(works.map(({ seen }) => seen.begun), [true, true, true, false]);

  for (const place of [0, 2, 3]) {
    works[place].seen.end();
    await settled();
  }
  await Promise.all(runs);
});

test("what fails gives its place back, and its error", async () => {
  const gate = new Gate(1);
  const [bad, good] = [work(), work()];
  const failing = assert.rejects(gate.pass(never, bad.run), /broken/);
  const passing = gate.pass(never, good.run);
  await settled();

  bad.seen.fail(new Error("broken"));
  await failing;
  await settled();

  assert.ok(good.seen.begun);
  good.seen.end();
  await passing;
});

test("who is stopped while waiting leaves the queue to the others", async () => {
  const gate = new Gate(1);
  const [first, stopped, last] = [work(), work(), work()];
  const control = new AbortController();
  const running = gate.pass(never, first.run);
  const waiting = assert.rejects(gate.pass(control.signal, stopped.run), /paused/);
  const lasting = gate.pass(never, last.run);

  control.abort(new Error("paused"));
  await waiting;
  first.seen.end();
  await running;
  await settled();

  assert.deepEqual([stopped.seen.begun, last.seen.begun], [false, true]);
  last.seen.end();
  await lasting;
});

test("who was stopped before does not begin", async () => {
  const gate = new Gate(1);
  const { seen, run } = work();
  await assert.rejects(gate.pass(AbortSignal.abort(new Error("paused")), run), /paused/);
  assert.deepEqual([seen.begun, gate.free], [false, 1]);
});
