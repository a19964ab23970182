import assert from "node:assert/strict";
import { test } from "node:test";

import { Rate, SAMPLES } from "../../appliance/static/js/rate.js";

/**
 * @param {Rate} rate
 * @param {number} seconds
 * @param {(second: number) => number} speed
 * @param {{at: number, bytes: number}} from
 */
function drive(rate, seconds, speed, from = { at: 0, bytes: 0 }) {
  let { at, bytes } = from;
  for (let i = 0; i < seconds; i += 1) {
    rate.note(bytes, at);
    at += 1;
    bytes += speed(i);
  }
  rate.note(bytes, at);
  return { at, bytes };
}

test("a steady road gives its speed from the first second", () => {
  const rate = new Rate();
  drive(rate, 1, () => 100);
  assert.equal(rate.value, 100);
});

test("old speed counts half after the half-life", () => {
  const rate = new Rate();
  const then = drive(rate, 60, () => 1000);
  drive(rate, 4, () => 0, then);
  assert.ok(Math.abs(rate.value - 500) < 5, String(rate.value));
});

test("bytes that are sent again do not make the rate negative", () => {
  const rate = new Rate();
  rate.note(1000, 0);
  rate.note(0, 1);
  assert.equal(rate.value, 0);
});

test("time left counts down by the clock though the road is bumpy", () => {
  const rate = new Rate();
  let now = drive(rate, 30, (i) => (i % 2 ? 90 : 110));
  let before = rate.left(100_000, now.at);
  assert.ok(before);
  for (let i = 0; i < 10; i += 1) {
    now = drive(rate, 1, () => (i % 2 ? 90 : 110), now);
    const after = rate.left(100_000 - 100 * (i + 1), now.at);
    assert.ok(after !== null && Math.abs(before - 1 - after) < 0.01, `${before} → ${after}`);
    before = after;
  }
});

test("time left is corrected when it is far off", () => {
  const rate = new Rate();
  const now = drive(rate, 30, () => 100);
  const before = rate.left(100_000, now.at);
  const later = drive(rate, 30, () => 10, now);
  const after = rate.left(99_000, later.at);
  assert.ok(before && after && after > 5 * before, `${before} → ${after}`);
});

test("a rest leaves no gap in the rate", () => {
  const rate = new Rate();
  const now = drive(rate, 10, () => 100);
  rate.rest();
  drive(rate, 3, () => 100, { at: now.at + 500, bytes: now.bytes });
  assert.ok(Math.abs(rate.value - 100) < 0.001);
});

test("time left is unknown before there is a rate", () => {
  assert.equal(new Rate().left(1000, 5), null);
});

test("the sparkline's memory is bounded", () => {
  const rate = new Rate();
  drive(rate, 500, () => 1);
  assert.equal(rate.samples.length, SAMPLES);
});
