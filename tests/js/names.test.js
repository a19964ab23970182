import assert from "node:assert/strict";
import { test } from "node:test";

import { flaw, suggest } from "../../appliance/static/js/names.js";

test("ordinary names of all scripts pass", () => {
  for (const name of ["debian-13.iso", "образ диска.qcow2", "画像", "a", "x".repeat(255), "naïve (1).img"]) assert.equal(flaw(name), null);
});

test("each bad name has its own word", () => {
  /** @type {[string, string][]} */
  const bad = [["", "empty"], ["   ", "empty"], ["x".repeat(256), "long"], ["a/b", "slash"], ["a\\b", "slash"], ["../etc", "slash"], ["a\0b", "control"], ["a\nb", "control"],
    ["gpj\u202eexe", "control"], ["a\u200bb", "control"], ["a\ud800b", "control"], [". .", "dots"], ["..", "dots"], [" a", "space"]];
  for (const [name, word] of bad) assert.equal(flaw(name), word, JSON.stringify(name));
});

test("length counts characters as the server does, not half ones", () => {
  assert.equal(flaw("💿".repeat(255)), null);
  assert.equal(flaw("💿".repeat(256)), "long");
});

test("a suggestion always passes, or is empty", () => {
  for (const name of ["a/b.iso", "x\u202ey.iso", " a ", "y".repeat(400), "\0"]) assert.ok(["", null].includes(suggest(name) === "" ? "" : flaw(suggest(name))), name);
  assert.equal(suggest("a/b.iso"), "a-b.iso");
  assert.equal(suggest("\0"), "");
});
