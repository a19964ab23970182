/** Which parts of a file make its fingerprint: enough to know it again, little enough to hash at once. */

import { merge } from "./ranges.js";

/** @typedef {import("./ranges.js").Range} Range */

export const EDGE = 1 << 20;
export const SAMPLE = 64 * 1024;
export const SAMPLES = 8;

/**
 * Head, tail and eight samples spread evenly between, at multiples of 64 KiB: the same for every file of that size.
 * @param {number} size bytes
 * @returns {Range[]} sorted, apart from each other; at most ten
 */
export function positions(size) {
  if (size <= 2 * EDGE) return size > 0 ? [[0, size]] : [];
  /** @type {Range[]} */
  const found = [[0, EDGE], [size - EDGE, size]];
  const room = size - 2 * EDGE;
  for (let i = 0; i < SAMPLES; i += 1) {
    const start = EDGE + Math.floor(((i + 0.5) * room) / SAMPLES / SAMPLE) * SAMPLE;
    found.push([start, Math.min(start + SAMPLE, size)]);
  }
  return merge(found);
}
