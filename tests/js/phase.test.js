import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { isOver, isPaused, rests, tone, verbs, word } from "../../appliance/static/js/phase.js";

const documented = [...readFileSync(new URL("../../docs/architecture.md", import.meta.url), "utf8").matchAll(/^\| (\w+) \| \w+ \| (\w+) \|$/gm)].flatMap(([, from, to]) => [from, to]);

test("every phase of the documented table has its word", () => {
  assert.ok(new Set(documented).size >= 13);
  for (const phase of documented.filter((name) => name.includes("_") || name.endsWith("ing"))) assert.notEqual(word(phase), "Unknown", phase);
});

test("an unknown phase is named so, calmly", () => {
  assert.equal(word("turbo"), "Unknown");
  assert.equal(tone("turbo"), "calm");
});

test("paused and over are told apart", () => {
  assert.ok(isPaused("paused_user") && isPaused("paused_system") && !isPaused("transferring"));
  assert.ok(isOver("finished_failure") && !isOver("finalizing_failure"));
});

const transfer = { phase: "transferring", actions: ["pause", "cancel"], owner: "ada" };

test("an owner and an admin get the verbs that the server lists", () => {
  for (const me of [{ name: "ada", role: "uploader" }, { name: "root", role: "admin" }]) assert.deepEqual(verbs(transfer, me), { pause: true, resume: false, cancel: true });
});

test("a viewer and another uploader get none", () => {
  for (const me of [{ name: "ada", role: "viewer" }, { name: "bob", role: "uploader" }]) assert.deepEqual(verbs(transfer, me), { pause: false, resume: false, cancel: false });
});

test("what is paused is not offered to be paused again", () => {
  assert.deepEqual(verbs({ ...transfer, phase: "paused_system", actions: ["pause", "resume", "cancel"] }, { name: "ada", role: "uploader" }), { pause: false, resume: true, cancel: true });
});

test("what has lost its page is offered to be resumed in place of paused, to those who may", () => {
  assert.deepEqual(verbs(transfer, { name: "ada", role: "uploader" }, true), { pause: false, resume: true, cancel: true });
  assert.deepEqual(verbs(transfer, { name: "bob", role: "uploader" }, true), { pause: false, resume: false, cancel: false });
  assert.ok(rests("orphaned") && rests("paused_user") && !rests("transferring"));
});
