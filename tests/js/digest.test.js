import assert from "node:assert/strict";
import { test } from "node:test";

import { digest, flaw } from "../../appliance/static/js/digest.js";

const HEX = "0123456789abcdef".repeat(4);

test("a digest is found in what people paste", () => {
  for (const text of [HEX, ` ${HEX.toUpperCase()} `, `${HEX}  debian.iso`, `${HEX} *debian.iso`, `sha256:${HEX}`, `SHA256 (debian.iso) = ${HEX}`]) assert.equal(digest(text), HEX, text);
});

test("what is none is told by what is wrong with it", () => {
  assert.equal(flaw(""), "");
  assert.equal(flaw(HEX), "");
  assert.match(flaw("abc"), /this has 3/);
  assert.match(flaw(`${HEX}0`), /this has 65/);
  assert.match(flaw("g".repeat(64)), /0-9 and a-f/);
});
