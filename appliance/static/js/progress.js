/** How one upload gets on: what is on the road, how fast that is, how long it will take, and what holds it up. Knows no network. */

import { Rate } from "./rate.js";

/** @typedef {import("./ranges.js").Range} Range */

export class Progress {
  /**
   * @param {import("./plan.js").Plan} plan
   * @param {() => number} now seconds
   * @param {() => void} changed called whenever there is something new to show
   */
  constructor(plan, now, changed) {
    this.plan = plan;
    this.now = now;
    this.changed = changed;
    this.rate = new Rate();
    /** @type {Map<Range, {from: number, bytes: number}>} what has left the browser of each chunk underway and is not confirmed */
    this.afloat = new Map();
    /** Bytes of data confirmed since this began: zeros took no time on the road, and say nothing of its speed. */
    this.travelled = 0;
    /** @type {"" | "waiting" | "offline"} */
    this.mood = "";
    this.why = "";
  }

  /** Bytes that have left the browser and are not yet confirmed. */
  get sentBytes() {
    let bytes = 0;
    for (const part of this.afloat.values()) bytes += part.bytes;
    return bytes;
  }

  /** @returns {Range[]} */
  get sent() {
    return [...this.afloat.values()].map(({ from, bytes }) => [from, from + bytes]);
  }

  /** Bytes a second, smoothed; 0 while unknown, and while nothing moves. */
  get speed() {
    return this.mood ? 0 : this.rate.value;
  }

  /** Seconds left, or null. */
  get left() {
    return this.mood ? null : this.rate.left(this.plan.size - this.plan.durableBytes - this.sentBytes, this.now());
  }

  /** Once a second. */
  tick() {
    if (!this.mood) this.rate.note(this.travelled + this.sentBytes, this.now());
    this.changed();
  }

  /**
   * `bytes` of a chunk have left the browser, the first of them at `from`.
   * @param {Range} chunk
   * @param {number} from
   * @param {number} bytes
   */
  float(chunk, from, bytes) {
    this.afloat.set(chunk, { from, bytes });
    this.changed();
  }

  /** Nothing of this chunk is on the road any more: confirmed, or lost. @param {Range} chunk */
  sink(chunk) {
    this.afloat.delete(chunk);
  }

  /**
   * A part of a chunk is durable on the host.
   * @param {Range} chunk
   * @param {import("./types").Run} run
   */
  land(chunk, { start, end, zero }) {
    this.sink(chunk);
    if (!zero) this.travelled += end - start;
    this.plan.confirm([start, end], zero);
    this.changed();
  }

  /**
   * @param {"" | "waiting" | "offline"} mood
   * @param {string} why for the person
   */
  feel(mood, why = "") {
    if (mood === this.mood && why === this.why) return;
    this.mood = mood;
    this.why = why;
    if (mood) this.rate.rest();
    this.changed();
  }

  /** Sending has ended. */
  rest() {
    this.afloat.clear();
    this.feel("");
  }
}
