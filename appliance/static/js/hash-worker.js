/**
 * Hashes off the page's thread, in slices, so that memory stays the same for a file of any size.
 * In: {id, blob, base, split}; out: {id, runs} or {id, error}. Also beats time: a page in the background has its timers slowed to one a
 * minute, a worker has not, and a heartbeat must not be late.
 */

import "../vendor/hash-wasm/sha256.umd.min.js";

/** @typedef {import("./types").Run} Run */

const SLICE = 4 << 20;
const BEAT = 1000;

/** @type {any} the vendored library puts itself there */
const library = /** @type {any} */ (globalThis).hashwasm;

/** @param {Uint8Array} bytes */
function isZero(bytes) {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  for (let i = 0; i < words.length; i += 1) if (words[i] !== 0) return false;
  for (let i = words.length * 4; i < bytes.length; i += 1) if (bytes[i] !== 0) return false;
  return true;
}

/** @param {Uint8Array} bytes */
function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The blob as runs of data and of zeros, each data run with its digest.
 * @param {Blob} blob
 * @param {number} base where the blob begins in its file
 * @returns {Promise<Run[]>}
 */
async function examine(blob, base) {
  const hasher = await library.createSHA256();
  /** @type {Run[]} */
  const runs = [];
  for (let at = 0; at < blob.size; at += SLICE) {
    const bytes = new Uint8Array(await blob.slice(at, at + SLICE).arrayBuffer());
    const zero = isZero(bytes);
    let run = runs[runs.length - 1];
    if (!run || run.zero !== zero) {
      close(run, hasher);
      run = { start: base + at, end: base + at, zero, sha256: null };
      runs.push(run);
      if (!zero) hasher.init();
    }
    if (!zero) hasher.update(bytes);
    run.end += bytes.length;
  }
  close(runs[runs.length - 1], hasher);
  return runs;
}

/**
 * @param {Run | undefined} run
 * @param {any} hasher
 */
function close(run, hasher) {
  if (run && !run.zero) run.sha256 = base64(hasher.digest("binary"));
}

/** @param {Blob} blob */
async function digest(blob) {
  const hasher = await library.createSHA256();
  hasher.init();
  for (let at = 0; at < blob.size; at += SLICE) hasher.update(new Uint8Array(await blob.slice(at, at + SLICE).arrayBuffer()));
  return hex(hasher.digest("binary"));
}

addEventListener("message", async (event) => {
  const { id, blob, base, split } = event.data;
  try {
    postMessage(split ? { id, runs: await examine(blob, base) } : { id, sha256: await digest(blob) });
  } catch (error) {
    postMessage({ id, error: { name: /** @type {Error} */ (error).name, message: String(error) } });
  }
});

setInterval(() => postMessage({ beat: true }), BEAT);
