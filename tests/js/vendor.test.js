import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import vm from "node:vm";

const FOLDER = new URL("../../appliance/static/vendor/hash-wasm/", import.meta.url);
const read = (/** @type {string} */ name) => readFileSync(new URL(name, FOLDER));

test("vendored files are those of the manifest", () => {
  const lines = read("SHA256SUMS").toString().trim().split("\n");
  assert.equal(lines.length, 2);
  for (const line of lines) {
    const [sum, name] = line.split(/\s+/);
    assert.equal(createHash("sha256").update(read(name)).digest("hex"), sum, name);
  }
});

test("the licence and the version are told", () => {
  assert.match(read("LICENSE").toString(), /MIT License/);
  assert.match(read("README.md").toString(), /hash-wasm \d+\.\d+\.\d+/);
});

test("its SHA-256 is SHA-256, in one piece and in many", async () => {
  const context = /** @type {any} */ (vm.createContext({ WebAssembly, atob, TextEncoder, Uint8Array, ArrayBuffer, Promise }));
  vm.runInContext(read("sha256.umd.min.js").toString(), context);
  const hasher = await context.hashwasm.createSHA256();
  const data = new Uint8Array(300_001).map((_, index) => index * 7);
  const wanted = createHash("sha256").update(data).digest("hex");
  hasher.init();
  hasher.update(data);
  assert.equal(hasher.digest("hex"), wanted);
  hasher.init();
  for (let at = 0; at < data.length; at += 1000) hasher.update(data.subarray(at, at + 1000));
  assert.equal(hasher.digest("hex"), wanted);
});

test("the lock of the development tools names no address", () => {
  const lock = createRequire(import.meta.url)("../../package-lock.json");
  assert.ok(!JSON.stringify(lock).includes("://"));
});
