import assert from "node:assert/strict";
import { test } from "node:test";

import { about, blamed, formFlaw, forms, kept, named, properties, propertiesFlaw, tags, tagsFlaw } from "../../appliance/static/js/storing.js";

const TARGETS = ["raw", "qcow2"];

/** @param {string} format @param {string[]} [targets] */
const keys = (format, targets = TARGETS) => forms(format, targets).map(({ key }) => key);

/** @param {string} format @param {string} key */
const form = (format, key) => /** @type {import("../../appliance/static/js/storing.js").Form} */ (forms(format, TARGETS).find((one) => one.key === key));

/** @param {object} more @returns {any} */
const problem = (more) => ({ code: "invalid", detail: "", hint: "", details: {}, ...more });

test("what runs as it is stays as it is unless something else is chosen", () => {
  assert.deepEqual(keys("raw"), ["as-it-is", "qcow2", "qcow2-compressed"]);
  assert.deepEqual(keys("qcow2"), ["as-it-is", "qcow2-compressed", "raw"]);
  assert.deepEqual(forms("raw", TARGETS)[0], { key: "as-it-is", word: "As it is (raw)", format: null, compressed: false, converts: false });
});

test("a disk of another kind becomes qcow2 unless something else is chosen, and never stays as it is", () => {
  for (const format of ["vmdk", "vdi", "vhd", "vhdx"]) assert.deepEqual(keys(format), ["qcow2", "qcow2-compressed", "raw"], format);
  assert.match(about(forms("vmdk", TARGETS)[0]), /^It will be converted to qcow2\.$/);
});

test("an ISO stays an ISO, or is a plain disk to boot from, without a change", () => {
  assert.deepEqual(keys("iso"), ["as-it-is", "raw"]);
  assert.deepEqual(forms("iso", TARGETS).map(({ converts }) => converts), [false, false]);
  assert.match(about(form("iso", "raw")), /Unchanged/);
  assert.match(about(form("iso", "as-it-is")), /Not a byte/);
});

test("only what the server converts to is offered", () => {
  assert.deepEqual(keys("vmdk", ["raw"]), ["raw"]);
  assert.deepEqual(keys("vmdk", []), []);
  assert.deepEqual(keys("raw", []), ["as-it-is"]);
});

test("what it will be decides where it can lie", () => {
  assert.deepEqual([kept("vmdk", form("vmdk", "qcow2")), kept("iso", form("iso", "as-it-is")), kept("iso", form("iso", "raw"))], ["qcow2", "iso", "raw"]);
});

test("a name goes with the format, where it ends in one and is converted", () => {
  assert.deepEqual(["a.vmdk", "b.VHDX", "c.img", "d.iso.raw", "plain", "e.vmdk.old"].map((name) => named(name, form("vmdk", "qcow2"))), ["a.qcow2", "b.qcow2", "c.qcow2", "d.iso.qcow2", "plain", "e.vmdk.old"]);
  assert.equal(named("a.qcow2", form("qcow2", "raw")), "a.raw");
  assert.deepEqual([named("a.img", form("raw", "as-it-is")), named("a.iso", form("iso", "raw"))], ["a.img", "a.iso"]);
});

test("where that step is left out nothing is converted, and the rest goes on", () => {
  /** @type {any} */
  const domain = { name: "plain", steps: ["inspect", "validate", "register"] };
  assert.match(formFlaw(form("vmdk", "qcow2"), domain), /plain converts nothing/);
  for (const [chosen, place] of [[form("raw", "as-it-is"), domain], [form("iso", "raw"), domain], [form("raw", "qcow2"), { ...domain, steps: ["convert"] }], [form("raw", "qcow2"), null]]) {
    assert.equal(formFlaw(chosen, place), "");
  }
});

test("tags are separated by commas, and named once", () => {
  assert.deepEqual(tags(" debian, web servers ,,debian,\n13 "), ["debian", "web servers", "13"]);
  assert.deepEqual(tags(" , "), []);
  assert.equal(tagsFlaw("a, b"), "");
  assert.match(tagsFlaw("x".repeat(256)), /255 characters/);
  assert.match(tagsFlaw(Array.from({ length: 129 }, (_, index) => index).join()), /At most 128/);
});

test("properties are lines with a name and a value, in which more signs may stand", () => {
  assert.deepEqual(properties("\n os_distro = debian \r\nargs=a=b\nempty=\n"), { os_distro: "debian", args: "a=b", empty: "" });
  assert.deepEqual(properties(""), {});
  assert.equal(propertiesFlaw("a=1\n\nb=2"), "");
});

test("a line that is wrong is told by its number", () => {
  /** @type {[string, RegExp][]} */
  const cases = [["a=1\nwrong", /Line 2 has no/], ["\n=x", /Line 2 has no name/], ["a=1\nb=2\na=3", /Line 3.*“a” once more/], [`${"n".repeat(256)}=1`, /Line 1 is too long/], [`n=${"v".repeat(65_536)}`, /Line 1 is too long/]];
  for (const [text, told] of cases) assert.match(propertiesFlaw(text), told);
  assert.match(propertiesFlaw(Array.from({ length: 129 }, (_, index) => `n${index}=1`).join("\n")), /At most 128/);
});

test("a name that is special to JavaScript is a name like others", () => {
  assert.equal(JSON.stringify(properties("__proto__=x")), '{"__proto__":"x"}');
});

test("an error is told beside the fields that it is about", () => {
  assert.deepEqual(blamed(problem({ code: "name-taken", detail: "data has it.", hint: "Choose another." })), [["name", "data has it. Choose another."]]);
  assert.deepEqual(blamed(problem({ detail: "tags: at most 128 are taken." })), [["tags", "At most 128 are taken."]]);
  assert.deepEqual(blamed(problem({ details: { fields: [{ field: "properties.os", reason: "it is no text" }, { field: "tags.3", reason: "too long!" }] } })), [["properties", "It is no text."], ["tags", "Too long!"]]);
});

test("an error about something else is about no field", () => {
  for (const other of [problem({ code: "no-space", detail: "name: full." }), problem({ detail: "Nothing to see" }), problem({ code: "" })]) assert.deepEqual(blamed(other), []);
});
