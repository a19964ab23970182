/** How long the steps of imports still take. The server tells how far each is; what that means in time shows only over several answers. */

import { Rate } from "./rate.js";

/** Steps count in what they like: here each has so many parts. */
const PARTS = 1_000_000;

export class Pace {
  constructor() {
    /** By the import's id. @type {Map<string, {step: string, part: number, rate: Rate}>} */
    this.known = new Map();
  }

  /**
   * Seconds that the running step of an import still takes; null while nobody knows.
   * @param {string} id
   * @param {{name: string, done: number, total: number | null}} step
   * @param {number} now seconds
   */
  left(id, { name, done, total }, now) {
    if (!total) return null;
    const part = Math.min(1, done / total) * PARTS;
    let one = this.known.get(id);
    // It was begun anew, after a crash perhaps. A little less than before is an older answer that came late.
    if (one?.step !== name || part < one.part / 2) {
      one = { step: name, part, rate: new Rate() };
      this.known.set(id, one);
    }
    one.part = Math.max(one.part, part);
    one.rate.note(one.part, now);
    return one.rate.left(PARTS - one.part, now);
  }
}

/** Of all imports of this page. */
export const pace = new Pace();
