import assert from "node:assert/strict";
import { test } from "node:test";

import { doing, failure, far, mood, news, running, stepName, stepState, stepWords } from "../../appliance/static/js/arrival.js";

/** @param {string} name @param {string} status @param {object} more @returns {any} */
const step = (name, status, more = {}) => ({ name, status, done: 0, total: null, message: "", ...more });

/** @param {any[]} steps @param {object} more @returns {any} */
const arriving = (steps, more = {}) => ({ id: "t", phase: "finalizing_success", format: "qcow2", reason: null, reason_code: null, import: { steps }, ...more });

test("our steps have titles, and strange ones their own name", () => {
  const names = ["inspect", "verify-checksum", "decompress", "validate", "convert", "register", "sign"];
  assert.deepEqual(names.map((name) => stepName({ name })), ["Inspect", "Verify checksum", "Decompress", "Validate", "Convert", "Register", "sign"]);
});

test("how a step stands is a word, and how far it is a number", () => {
  const half = step("convert", "running", { done: 1, total: 4 });
  assert.equal(stepWords(half, "moving"), "running · 25 %");
  assert.equal(stepWords({ ...half, done: 4 }, "moving"), "running · 99 %", "not at its end before it is done");
  assert.deepEqual(["waiting", "done", "skipped", "failed"].map((status) => stepWords(step("x", status), "moving")), ["waiting", "done", "not needed", "failed"]);
});

test("whether it goes on follows from its phase", () => {
  assert.deepEqual(["initializing", "transferring", "paused_user", "paused_system", "finalizing_success", "finished_failure", "finished_cleanup"].map(mood), ["moving", "moving", "resting", "resting", "moving", "over", "over"]);
});

test("nothing runs while the import is paused, and what was not done by its end never will be", () => {
  const half = step("convert", "running", { done: 1, total: 4 });
  assert.deepEqual([stepWords(half, "resting"), stepWords(step("x", "waiting"), "resting")], ["begun · 25 %", "waiting"]);
  assert.deepEqual([stepWords(half, "over"), stepWords(step("x", "waiting"), "over"), stepWords(step("x", "done"), "over")], ["not done", "not done", "done"]);
  assert.deepEqual([stepState(half, "resting"), stepState(half, "over"), stepState(step("x", "failed"), "over")], ["begun", "missed", "failed"]);
});

test("how far the host is fills a bar, and where nobody knows something is seen to go on", () => {
  assert.deepEqual(far({ done: 1, total: 4 }, 100), { percent: 25, size: 100, layers: [{ tone: "checking", ranges: [[0, 25]] }] });
  assert.deepEqual(far({ done: 0, total: 4 }, 100).layers, [{ tone: "checking", ranges: [] }]);
  assert.deepEqual([far({ done: 9, total: 4 }, 1).percent, far({ done: 9, total: 4 }, 1).layers[0].ranges], [99, [[0, 1]]], "never at its end before it is done");
  for (const at of [null, { done: 0, total: null }, { done: 0, total: 0 }]) assert.deepEqual(far(at, 8), { percent: null, size: 8, layers: [{ tone: "unsure", ranges: [[0, 8]] }] });
});

test("what runs is told by what it does", () => {
  const transfer = arriving([step("validate", "done"), step("convert", "running"), step("register", "waiting")]);
  assert.equal(running(transfer)?.name, "convert");
  assert.equal(doing(transfer, step("convert", "running")), "Converting to qcow2");
  assert.deepEqual([doing(transfer, step("validate", "running")), doing(transfer, step("sign", "running"))], ["Validating", "sign"]);
  assert.equal(running(arriving([step("validate", "done")])), null);
});

test("the long steps are heard by quarters, and the short ones hardly", () => {
  const heard = (/** @type {any} */ one) => news(arriving([one]));
  assert.equal(heard(step("validate", "running")), "checking");
  assert.equal(heard(step("register", "running", { done: 1, total: 2 })), "");
  assert.equal(heard(step("convert", "done")), "");
  const quarters = [0, 24, 25, 60, 99, 100].map((done) => heard(step("convert", "running", { done, total: 100 })));
  assert.deepEqual(quarters, ["converting to qcow2", "converting to qcow2", "converting to qcow2, 25 percent", "converting to qcow2, 50 percent", "converting to qcow2, 75 percent", "converting to qcow2, 75 percent"]);
  assert.equal(heard(step("SIGN", "running")), "SIGN");
});

test("a failure names its step, why, and what to do", () => {
  const failed = arriving([step("validate", "done"), step("convert", "failed", { message: "No room." })], { phase: "finished_failure", reason: "The domain is full.", reason_code: "no-space" });
  const told = failure(failed);
  assert.deepEqual([told.title, told.detail], ["The import failed at the step “Convert”", "The domain is full."]);
  assert.match(told.hint, /deleted from the host\. Make room/);
});

test("each fault of a step has its own advice, and anything else a general one", () => {
  const codes = ["step-failed", "step-nonsense", "step-timeout", "step-missing", "no-space", "wrong-checksum", "strange", null];
  const hints = codes.map((code) => failure(arriving([step("sign", "failed")], { reason_code: code })).hint);
  assert.equal(new Set(hints).size, codes.length - 1);
  assert.match(hints[2], /import_step_timeout/);
  assert.equal(failure(arriving([])).title, "The import failed");
  assert.equal(failure(arriving([step("sign", "failed", { message: "Said there." })])).detail, "Said there.");
});
