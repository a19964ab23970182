import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, count, left, percent, size, sizeOf, when } from "../../appliance/static/js/units.js";

test("sizes have three significant digits in one unit system", () => {
  const words = [[0, "0 B"], [999, "999 B"], [1000, "0.98 KiB"], [1024, "1.00 KiB"], [10235, "10.0 KiB"], [1 << 20, "1.00 MiB"], [79_700_000_000, "74.2 GiB"], [612 * 2 ** 30, "612 GiB"], [1023.6 * 2 ** 30, "1.00 TiB"], [2 ** 63, "8.00 EiB"]];
  for (const [bytes, text] of words) assert.equal(size(Number(bytes)), text);
});

test("a part of a whole names the unit once where it is the same", () => {
  assert.equal(sizeOf(1.81 * 2 ** 30, 3.36 * 2 ** 30), "1.81 of 3.36 GiB");
  assert.equal(sizeOf(512 * 2 ** 20, 3.36 * 2 ** 30), "512 MiB of 3.36 GiB");
});

test("percent is never 100 before it is done", () => {
  assert.equal(percent(999_999_999_999, 1_000_000_000_000), 99);
  assert.equal(percent(5, 5), 100);
  assert.equal(percent(0, 5), 0);
  assert.equal(percent(0, 0), 100);
});

test("time left is told in words a person uses", () => {
  const words = [[0.2, "1 s left"], [38, "38 s left"], [58, "1 min left"], [125, "2 min left"], [3600, "1 h left"], [12000, "3 h 20 min left"], [100_000, "1 day left"], [400_000, "5 days left"]];
  for (const [seconds, text] of words) assert.equal(left(Number(seconds)), text);
});

test("unknown time left is no text", () => {
  assert.equal(left(null), "");
  assert.equal(left(Infinity), "");
});

test("how long ago is relative, and a date when it is long", () => {
  const now = new Date(2026, 9, 12, 20, 0, 0);
  assert.equal(ago(new Date(2026, 9, 12, 19, 59, 50), now), "just now");
  assert.equal(ago(new Date(2026, 9, 12, 19, 56), now), "4 min ago");
  assert.equal(ago(new Date(2026, 9, 12, 18, 0), now), "2 h ago");
  assert.equal(ago(new Date(2026, 9, 11, 17, 42), now), "yesterday 17:42");
  assert.equal(ago(new Date(2026, 9, 2, 17, 42), now), "2 Oct 2026");
  assert.equal(ago(new Date(2026, 9, 15, 20, 0), now), "in 3 days");
  assert.equal(ago("nonsense", now), "");
});

test("counts agree with their noun", () => {
  assert.equal(count(0, "image"), "no images");
  assert.equal(count(1, "image"), "1 image");
  assert.equal(count(1400, "image"), "1,400 images");
});

test("when something will be is told by the day that it is", () => {
  const now = new Date(2026, 11, 31, 20, 0, 0);
  assert.equal(when(new Date(2026, 11, 31, 22, 0), now), "at 22:00");
  assert.equal(when(new Date(2027, 0, 1, 6, 5), now), "tomorrow at 06:05");
  assert.equal(when(new Date(2027, 0, 2, 6, 5), now), "2 Jan 2027 at 06:05");
});
