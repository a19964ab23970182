import assert from "node:assert/strict";
import { test } from "node:test";

import { resume } from "../../appliance/static/js/proof.js";
import { file, MIB, setUp } from "./host.js";

test("a resume shows exactly the pieces that were asked for", async () => {
  const { host } = setUp(MIB);
  const world = host.world;
  /** @type {any} */
  let shown;
  world.api.post = async (/** @type {string} */ _path, /** @type {any} */ body) => {
    shown = body;
    return host.transfer;
  };
  await resume(host.transfer, file(MIB), world);
  assert.deepEqual([shown.size, shown.modified, shown.pieces.length, shown.pieces[0].end], [MIB, 1_700_000_000, 1, 4]);
});
