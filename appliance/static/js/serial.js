/** Names for things of this page, each given once. */

let last = 0;

/** @param {string} kind */
export function serial(kind) {
  last += 1;
  return `${kind}-${last}`;
}
