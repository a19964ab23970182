import assert from "node:assert/strict";
import { test } from "node:test";

import { arrange, moved, standard, switched, wish } from "../../appliance/static/js/arrangement.js";

/** @param {string} name @param {boolean} usual */
const step = (name, usual) => ({ name, usual, streams: false, about: `What ${name} does.` });
const OURS = ["inspect", "decompress", "validate", "convert", "register"];
const KNOWN = [...OURS.map((name) => step(name, true)), step("count", false), step("sign", false)];

/** Each with a mark in front where it does not run. @param {import("../../appliance/static/js/arrangement.js").Item[]} items */
const shown = (items) => items.map(({ name, runs }) => (runs ? name : `-${name}`)).join(" ");

test("what a storage domain has stands first in its own order, and what it leaves out where it could run", () => {
  assert.equal(shown(arrange(OURS, KNOWN)), "inspect decompress validate convert -count -sign register");
  assert.equal(shown(arrange(["inspect", "validate", "sign", "register"], KNOWN)), "inspect -decompress validate -convert sign -count register");
});

test("whatever stands there could be switched on without another move", () => {
  const items = arrange(["inspect", "validate", "register"], KNOWN).map((item) => ({ ...item, runs: true }));

  assert.equal(shown(items), "inspect decompress validate convert count sign register");
});

test("without any list everything is offered, in its usual order", () => {
  assert.equal(shown(arrange([], KNOWN)), "-inspect -decompress -validate -convert -count -sign -register");
  assert.deepEqual(arrange([], []), []);
});

test("third parties' steps alone are offered as they come", () => {
  assert.equal(shown(arrange([], KNOWN.slice(5))), "-count -sign");
});

test("each says what it does, and one that is not installed any more says that", () => {
  const said = new Map(arrange(["inspect", "gone"], KNOWN).map(({ name, about }) => [name, about]));

  assert.equal(said.get("inspect"), "What inspect does.");
  assert.match(said.get("gone") ?? "", /not installed any more/);
});

test("a step moves by one place, and at its end not at all", () => {
  const items = arrange(OURS, KNOWN);

  assert.equal(shown(moved(items, "validate", -1)), "inspect validate decompress convert -count -sign register");
  assert.equal(shown(moved(items, "sign", 1)), "inspect decompress validate convert -count register -sign");
  assert.equal(moved(items, "inspect", -1), items);
  assert.equal(moved(items, "register", 1), items);
  assert.equal(moved(items, "nowhere", 1), items);
  assert.equal(shown(items), "inspect decompress validate convert -count -sign register");
});

test("a step is switched on and off where it stands", () => {
  const items = switched(arrange(OURS, KNOWN), "sign", true);

  assert.equal(shown(items), "inspect decompress validate convert -count sign register");
  assert.equal(shown(switched(items, "sign", false)), "inspect decompress validate convert -count -sign register");
});

test("the server is asked for the names that run, in their order", () => {
  const items = switched(arrange(OURS, KNOWN), "decompress", false);

  assert.deepEqual(wish(items, KNOWN), ["inspect", "validate", "convert", "register"]);
  assert.deepEqual(wish(moved(items, "convert", -1), KNOWN), ["inspect", "convert", "validate", "register"]);
  assert.deepEqual(wish(arrange([], KNOWN), KNOWN), []);
});

test("the standard is asked for as such, whichever way one came to it", () => {
  const items = arrange(["inspect", "sign", "validate", "register"], KNOWN);
  const back = ["decompress", "convert"].reduce((list, name) => switched(list, name, true), switched(items, "sign", false));

  assert.equal(wish(back, KNOWN), null);
  assert.equal(wish(arrange(standard(KNOWN), KNOWN), KNOWN), null);
  assert.notEqual(wish(switched(back, "sign", true), KNOWN), null);
});
