import assert from "node:assert/strict";
import { test } from "node:test";

import { ChunkSize, FLOOR, LARGEST, MIB, missing, Plan, SMALLEST } from "../../appliance/static/js/plan.js";
import { merge, total } from "../../appliance/static/js/ranges.js";

test("missing is the file less what is durable, cut at multiples of the chunk size", () => {
  assert.deepEqual(missing(100, [[0, 25], [50, 60]], 20), [[25, 40], [40, 50], [60, 80], [80, 100]]);
});

test("nothing is missing when everything is durable", () => {
  assert.deepEqual(missing(100, [[0, 100]], 20), []);
});

test("a terabyte is planned without losing a byte", () => {
  const chunks = missing(2 ** 40 + 3, [[5, 2 ** 40]], 64 * MIB);
  assert.deepEqual(chunks, [[0, 5], [2 ** 40, 2 ** 40 + 3]]);
});

test("two lanes never get the same bytes, and together they get all", () => {
  const plan = new Plan(100 * MIB, [[MIB, 3 * MIB]]);
  const taken = [];
  for (let range = plan.next(); range; range = plan.next()) taken.push(range);
  assert.equal(total(taken), 98 * MIB);
  assert.equal(total(merge(taken)), 98 * MIB);
  assert.equal(plan.next(), null);
});

test("what was released without being confirmed comes again", () => {
  const plan = new Plan(20 * MIB, [], new ChunkSize(8 * MIB));
  const first = plan.next();
  assert.ok(first);
  plan.confirm([0, 3 * MIB]);
  plan.release(first);
  assert.deepEqual(plan.next(), [3 * MIB, 8 * MIB]);
});

test("confirmed bytes are never planned again, also when the host's list is older", () => {
  const plan = new Plan(10 * MIB, [], new ChunkSize(8 * MIB));
  const first = plan.next();
  assert.ok(first);
  plan.confirm(first);
  plan.release(first);
  plan.learn([[0, MIB]]);
  assert.deepEqual(plan.next(), [8 * MIB, 10 * MIB]);
});

test("what the host lacks after all is sent again", () => {
  const plan = new Plan(10 * MIB, [[0, 10 * MIB]]);
  assert.ok(plan.complete);
  plan.lose([[2 * MIB, 3 * MIB]]);
  assert.deepEqual(plan.next(), [2 * MIB, 3 * MIB]);
});

test("zeros are remembered apart, and count as there", () => {
  const plan = new Plan(10);
  plan.confirm([0, 10], true);
  assert.deepEqual(plan.zeros, [[0, 10]]);
  assert.ok(plan.complete);
});

test("chunks grow on a fast road up to 64 MiB", () => {
  const chunks = new ChunkSize();
  for (let i = 0; i < 10; i += 1) chunks.learn(chunks.bytes, chunks.bytes / (500 * MIB));
  assert.equal(chunks.bytes, LARGEST);
});

test("chunks shrink on a slow road down to 4 MiB", () => {
  const chunks = new ChunkSize(LARGEST);
  for (let i = 0; i < 10; i += 1) chunks.learn(chunks.bytes, chunks.bytes / (0.2 * MIB));
  assert.equal(chunks.bytes, SMALLEST);
});

test("a chunk that takes about three seconds is left as it is", () => {
  const chunks = new ChunkSize(16 * MIB);
  for (let i = 0; i < 10; i += 1) chunks.learn(16 * MIB, 2 + (i % 3));
  assert.equal(chunks.bytes, 16 * MIB);
});

test("the short chunk at the end of a gap teaches nothing", () => {
  const chunks = new ChunkSize(16 * MIB);
  chunks.learn(1000, 5);
  assert.equal(chunks.bytes, 16 * MIB);
});

test("after 413 smaller chunks are tried, and never that size again", () => {
  const chunks = new ChunkSize(8 * MIB);
  assert.ok(chunks.refuse(8 * MIB));
  assert.equal(chunks.bytes, 4 * MIB);
  assert.ok(chunks.refuse(4 * MIB));
  assert.ok(chunks.refuse(2 * MIB));
  for (let i = 0; i < 10; i += 1) chunks.learn(chunks.bytes, 0.001);
  assert.equal(chunks.bytes, MIB);
});

test("shrinking ends at the floor", () => {
  const chunks = new ChunkSize();
  for (let tries = 0; chunks.refuse(chunks.bytes); tries += 1) assert.ok(tries < 20);
  assert.equal(chunks.bytes, FLOOR);
});
