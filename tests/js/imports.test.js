import assert from "node:assert/strict";
import { test } from "node:test";

import { check, facts, formatFlaw, note, order, origin, query, scheduled, source, standing, startFlaw, unpackedSize, urlFlaw } from "../../appliance/static/js/imports.js";
import { forms } from "../../appliance/static/js/storing.js";

const MIB = 2 ** 20;
const TARGETS = ["raw", "qcow2"];
const NOW = new Date(2026, 10, 21, 20, 0, 0);

/** @param {object} about the import @param {object} more of the transfer @returns {any} */
function transfer(about = {}, more = {}) {
  const at = {
    url: "https://example.org/pub/disk.raw", source_size: 100 * MIB, source_format: "raw", compression: null, sized: true, checksum: null, resumable: true, not_before: null,
    fetched_bytes: 25 * MIB, rate: 5 * MIB, restarts: 0, trouble: "", steps: [], ...about,
  };
  return { id: "t", phase: "transferring", size: 100 * MIB, durable: [[0, 20 * MIB]], durable_bytes: 20 * MIB, verify: null, reason: null, expires_at: null, import: at, ...more };
}

/** @param {object} more @returns {any} */
function found(more = {}) {
  return { url: "https://example.org/disk.raw", name: "disk.raw", size: 1000, content_type: "", resumable: true, compression: null, unpacked_size: null, format: "raw", checksum: null, ...more };
}

test("what is no URL is told before anybody is asked", () => {
  for (const url of ["", "disk.raw", "example.org/disk.raw", "example.org:8443/disk.raw", "//example.org/x", "/srv/disk.raw", "C\\disk"]) assert.notEqual(urlFlaw(url, []), "", url);
  for (const url of ["ftp://example.org/x", "file:///etc/passwd", "javascript:alert(1)"]) assert.match(urlFlaw(url, ["http", "https"]), /http: or https:/, url);
  for (const url of ["https://example.org/x.iso", "HTTP://example.org:8080/x?y"]) assert.equal(urlFlaw(url, ["http", "https"]), "");
  assert.equal(urlFlaw("s3://bucket/x", []), "", "not known yet: the server judges");
});

test("a start is a time to come, within a year", () => {
  assert.equal(startFlaw("", NOW), "");
  assert.equal(startFlaw("2026-11-21T22:00", NOW), "");
  assert.equal(startFlaw("2026-11-21T20:00", NOW), "", "this very minute");
  for (const bad of ["nonsense", "2026-11-21T19:00", "2028-01-01T00:00"]) assert.notEqual(startFlaw(bad, NOW), "", bad);
});

test("an order names the time with its zone, and one checksum at most", () => {
  const place = { url: "https://example.org/x", user: "ada", password: " kept as it is ", bearer: "", find: false };
  const [, , packed] = forms("raw", TARGETS);
  const wish = { name: "x", domain: "d", checksum: `${"AB".repeat(32)}  x.iso`, start: "2026-11-21T22:00", form: packed, tags: "a, b", properties: "os=debian" };
  assert.deepEqual(order(place, wish), {
    url: "https://example.org/x", user: "ada", password: " kept as it is ", bearer: "", find_checksum: false, name: "x", domain: "d",
    format: "qcow2", compressed: true, tags: ["a", "b"], properties: { os: "debian" },
    checksum: "ab".repeat(32), not_before: new Date(2026, 10, 21, 22, 0).toISOString(),
  });
  assert.deepEqual(order({ ...place, find: true }, { ...wish, start: "", form: forms("raw", TARGETS)[0], tags: "", properties: "" }), {
    ...query({ ...place, find: true }), name: "x", domain: "d", format: null, compressed: false, tags: [], properties: {}, checksum: null, not_before: null,
  });
});

test("room is asked for as much as is known of the size", () => {
  const wish = { name: "n", domain: "d", checksum: "", start: "", form: forms("raw", TARGETS)[0], tags: "", properties: "" };
  /** @type {[object, number, number | null][]} */
  const cases = [[{}, 1000, null], [{ size: null }, 1, null], [{ compression: "xz", unpacked_size: 9000 }, 9000, 1000], [{ compression: "gzip" }, 1000, 1000], [{ compression: "xz", size: null, unpacked_size: 5 }, 5, null], [{ size: 0 }, 1, null]];
  for (const [more, size, initial] of cases) {
    const asked = check(found(more), wish);
    assert.deepEqual([asked.size, asked.initial_size], [size, initial], JSON.stringify(more));
  }
  assert.equal(unpackedSize(found({ compression: "gzip" })), null);
  assert.equal(check(found({ format: "vmdk" }), { ...wish, form: forms("vmdk", TARGETS)[0] }).format, "qcow2", "as what it will be kept");
});

test("a kind of disk that is not taken is told by its name, with what to do", () => {
  const methods = { schemes: [], compressions: [], formats: ["iso", "qcow2", "raw"], targets: [], steps: [] };
  assert.match(formatFlaw(found({ format: "vmdk" }), methods), /VMware.*qemu-img convert/);
  assert.match(formatFlaw(found({ format: "vmdk" }), { ...methods, formats: ["vmdk"] }), /qemu-img convert/, "taken, and converted to nothing");
  assert.equal(formatFlaw(found({ format: "vmdk" }), { ...methods, formats: ["vmdk"], targets: ["qcow2"] }), "");
  assert.equal(formatFlaw(found(), methods), "");
  assert.equal(formatFlaw(found({ format: "vmdk" }), { ...methods, formats: [] }), "", "not known yet: the server judges");
});

test("what was found is told in full", () => {
  const told = new Map(facts(found({ compression: "gzip", unpacked_size: 2 * MIB, resumable: false, format: "iso" })));
  assert.equal(told.get("Size"), "0.98 KiB");
  assert.equal(told.get("Packed"), "gzip, 2.00 MiB unpacked");
  assert.equal(told.get("Detected"), "ISO image");
  assert.match(told.get("If it breaks off") ?? "", /from zero/);
  assert.equal(new Map(facts(found({ size: null }))).get("Size"), "not told");
});

test("an import under way tells how much, how fast, how long and where from", () => {
  const seen = standing(transfer(), "Sending");
  assert.deepEqual([seen.state, seen.percent, seen.words, seen.left, seen.rate], ["Importing", 25, "25.0 of 100 MiB", "15 s left", 5 * MIB]);
  assert.deepEqual(seen.layers, [{ tone: "sent", ranges: [[0, 25 * MIB]] }, { tone: "durable", ranges: [[0, 20 * MIB]] }]);
  assert.equal(origin(transfer()), "fetching from example.org");
});

test("it is never at 100 percent before it is done, and without a rate there is no time left", () => {
  const seen = standing(transfer({ fetched_bytes: 100 * MIB, rate: 0 }), "");
  assert.deepEqual([seen.percent, seen.left], [99, ""]);
  assert.equal(standing(transfer({ rate: 0 }), "").left, "");
});

test("where nobody knows the size, no percentage is made up", () => {
  const seen = standing(transfer({ source_size: null }), "");
  assert.deepEqual([seen.percent, seen.words, seen.left], [null, "25.0 MiB so far", ""]);
});

test("a packed file's bar shows the file, as nobody knows where its bytes lie in the image", () => {
  assert.deepEqual(standing(transfer({ compression: "xz" }), "").layers[1].ranges, [[0, 25 * MIB]]);
});

test("one that waits says for what", () => {
  const waiting = transfer({}, { phase: "initializing" });
  assert.equal(standing(waiting, "Preparing", NOW).state, "Waits for its turn");
  const later = transfer({ not_before: new Date(2026, 10, 21, 22, 0).toISOString() }, { phase: "initializing" });
  assert.deepEqual([standing(later, "", NOW).state, standing(later, "", NOW).words], ["Scheduled", "starts at 22:00"]);
  assert.ok(scheduled(later, NOW) && !scheduled(waiting, NOW));
  assert.equal(standing(later, "", new Date(2026, 10, 21, 22, 1)).state, "Waits for its turn");
  assert.match(standing(transfer({ not_before: new Date(2026, 10, 22, 6, 5).toISOString() }, { phase: "initializing" }), "", NOW).words, /tomorrow at 06:05/);
});

test("one that was paused while it waited waits again", () => {
  const at = { not_before: new Date(2026, 10, 21, 22, 0).toISOString() };
  assert.match(note(transfer(at, { phase: "paused_user", durable: [] }), true, NOW).text, /^Nothing has come yet: after Resume/);
  const resumed = transfer(at, { phase: "resuming", durable: [] });
  assert.deepEqual([standing(resumed, "Resuming", NOW).state, scheduled(resumed, NOW)], ["Scheduled", true]);
  assert.equal(standing(transfer({}, { phase: "resuming", durable: [] }), "Resuming", NOW).state, "Waits for its turn");
  assert.equal(standing(transfer({}, { phase: "resuming", durable: [[0, 1]] }), "Resuming", NOW).state, "Resuming");
});

test("paused, it tells what was fetched and no rate", () => {
  const seen = standing(transfer({}, { phase: "paused_user" }), "Paused");
  assert.deepEqual([seen.state, seen.rate, seen.left, seen.percent], ["Paused", 0, "", 25]);
  assert.equal(origin(transfer({}, { phase: "paused_user" })), "import from example.org");
});

test("once all is there, the running step is told, a stranger's by its own name", () => {
  const steps = [{ name: "validate", status: "done", done: 0, total: null, message: "" }, { name: "convert", status: "running", done: 30, total: 60, message: "" }];
  const seen = standing(transfer({ steps }, { phase: "finalizing_success", format: "qcow2" }), "Checking");
  assert.deepEqual([seen.state, seen.percent, seen.left, seen.layers], ["Converting to qcow2", 50, "", [{ tone: "checking", ranges: [[0, 0.5]] }]]);
  const strange = standing(transfer({ steps: [{ name: "sign", status: "running", done: 0, total: null, message: "" }] }, { phase: "finalizing_success" }), "");
  assert.deepEqual([strange.state, strange.percent, strange.layers[0].tone], ["sign", null, "unsure"]);
});

test("the time that a step still takes is told once it shows", () => {
  const lefts = [10, 20, 30].map((done, index) => {
    const steps = [{ name: "convert", status: "running", done, total: 60, message: "" }];
    return standing(transfer({ steps }, { id: "timed", phase: "finalizing_success" }), "", new Date(NOW.getTime() + 2000 * index)).left;
  });
  assert.deepEqual(lefts, ["", "", "6 s left"]);
});

test("without a step that runs, the host's check is told", () => {
  const seen = standing(transfer({}, { phase: "finalizing_success", verify: { step: "sha256", done: 50, total: 100 } }), "");
  assert.deepEqual([seen.state, seen.words, seen.percent], ["Verifying", "SHA-256 of 100 MiB", 50]);
});

test("a source that is silent is told as a worry, one that had to be read again calmly", () => {
  assert.deepEqual(note(transfer({ trouble: "example.org has sent nothing for 60 seconds." }), true), { text: "example.org has sent nothing for 60 seconds. Trying again by itself.", calm: false });
  const again = note(transfer({ restarts: 2 }), true);
  assert.ok(again.calm && again.text.includes("2 times"));
  assert.equal(note(transfer(), true).text, "");
});

test("a paused one tells why, and what Resume will do to those who may", () => {
  const paused = { phase: "paused_system", reason: "example.org could not be reached" };
  assert.match(note(transfer({}, paused), true).text, /^example.org could not be reached\. Resume goes on/);
  assert.match(note(transfer({ resumable: false }, paused), true).text, /gives no parts.*from its beginning/);
  assert.match(note(transfer({ compression: "xz" }, paused), true).text, /packed file again/);
  assert.equal(note(transfer({}, paused), false).text, "example.org could not be reached.");
  assert.ok(note(transfer({}, { phase: "paused_user" }), true).calm && !note(transfer({}, paused), true).calm);
});

test("a source is named by its server", () => {
  assert.deepEqual(["https://example.org:8443/a/b.iso", "file:///srv/x.iso", "nonsense"].map(source), ["example.org:8443", "file:///srv/x.iso", "nonsense"]);
});
