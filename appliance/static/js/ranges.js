/** Sets of bytes as sorted, merged, half-open ranges: `[[start, end], …]`. */

/** @typedef {[number, number]} Range */

/**
 * @param {Range[]} ranges in any order, overlapping or not
 * @returns {Range[]} sorted, merged
 */
export function merge(ranges) {
  /** @type {Range[]} */
  const merged = [];
  for (const [start, end] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (end <= start) continue;
    const last = merged[merged.length - 1];
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/**
 * What of `[0, size)` is not in `ranges`.
 * @param {number} size
 * @param {Range[]} ranges sorted, merged
 * @returns {Range[]}
 */
export function gaps(size, ranges) {
  /** @type {Range[]} */
  const found = [];
  let at = 0;
  for (const [start, end] of ranges) {
    if (start >= size) break;
    if (start > at) found.push([at, start]);
    at = Math.max(at, end);
  }
  if (at < size) found.push([at, size]);
  return found;
}

/**
 * @param {Range[]} ranges sorted, merged
 */
export function total(ranges) {
  return ranges.reduce((sum, [start, end]) => sum + end - start, 0);
}
