/** Which parts of a file make its fingerprint: enough to know it again, little enough to hash at once. */

/** @typedef {import("./ranges.js").Range} Range */

export const EDGE = 1 << 20;
export const SAMPLE = 64 * 1024;
export const SAMPLES = 8;

/**
 * Head, tail and up to eight samples spread evenly between: the same for every file of that size.
 * @param {number} size bytes
 * @returns {Range[]} sorted, without overlap, none longer than EDGE; at most ten
 */
export function positions(size) {
  const head = Math.min(EDGE, size);
  const tail = Math.max(head, size - EDGE);
  const room = tail - head;
  /** @type {Range[]} */
  const found = head > 0 ? [[0, head]] : [];
  for (let i = 0, free = head; i < SAMPLES; i += 1) {
    const start = head + Math.floor(((i + 0.5) * room) / SAMPLES / SAMPLE) * SAMPLE;
    // Between head and tail of a small file there is no room for all eight.
    if (start < free || start + SAMPLE > tail) continue;
    found.push([start, start + SAMPLE]);
    free = start + SAMPLE;
  }
  if (tail < size) found.push([tail, size]);
  return found;
}
