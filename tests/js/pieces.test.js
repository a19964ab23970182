import assert from "node:assert/strict";
import { test } from "node:test";

import { EDGE, positions, SAMPLE } from "../../appliance/static/js/pieces.js";

test("head, tail and eight samples between", () => {
  const size = 5 * 2 ** 40 + 12345;
  const found = positions(size);
  assert.equal(found.length, 10);
  assert.deepEqual(found[0], [0, EDGE]);
  assert.deepEqual(found[9], [size - EDGE, size]);
  for (const [start, end] of found.slice(1, 9)) assert.equal(end - start, SAMPLE);
});

test("a small file is one piece, an empty one none", () => {
  assert.deepEqual(positions(1000), [[0, 1000]]);
  assert.deepEqual(positions(0), []);
});

test("pieces lie within the file, never overlap and are never longer than the server takes, for sizes around every edge", () => {
  for (let size = 1; size < 4 * EDGE; size += 9973) {
    let before = 0;
    for (const [start, end] of positions(size)) {
      assert.ok(start >= before && end > start && end <= size && end - start <= EDGE, `${size}: ${start}-${end}`);
      before = end;
    }
    assert.equal(before, size);
  }
});

test("the same size gives the same pieces", () => {
  assert.deepEqual(positions(123_456_789), positions(123_456_789));
});
