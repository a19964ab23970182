/** What still has to travel, and in pieces of which size. Knows no network. */

import { gaps, merge, total } from "./ranges.js";

/** @typedef {import("./ranges.js").Range} Range */

export const MIB = 1 << 20;
export const SMALLEST = 4 * MIB;
export const LARGEST = 64 * MIB;
/** A proxy in the way may allow far less than our smallest chunk (nginx: 1 MiB): this is where shrinking ends. */
export const FLOOR = 64 * 1024;
/** Seconds a chunk should take: long enough to make its round trip cheap, short enough to lose little and to show life. */
export const AIM = 3;

/**
 * The ranges that still have to travel, in order: what the file has, less what the host holds for good.
 * @param {number} size bytes
 * @param {Range[]} durable sorted, merged
 * @param {number} chunkSize bytes
 * @returns {Range[]}
 */
export function missing(size, durable, chunkSize) {
  /** @type {Range[]} */
  const chunks = [];
  for (const [start, end] of gaps(size, durable)) {
    for (let at = start; at < end; ) {
      const next = chunkEnd(at, end, chunkSize);
      chunks.push([at, next]);
      at = next;
    }
  }
  return chunks;
}

/**
 * Where the chunk that starts at `start` ends: on a multiple of the chunk size where one is near, so that chunks of two runs meet.
 * @param {number} start
 * @param {number} end of the gap
 * @param {number} chunkSize
 */
function chunkEnd(start, end, chunkSize) {
  const aligned = (Math.floor(start / chunkSize) + 1) * chunkSize;
  return Math.min(end, aligned);
}

/** The chunk size that suits the road: 4 to 64 MiB, less only behind a proxy that says 413. */
export class ChunkSize {
  /** @param {number} bytes to start with: small, so that a slow road shows life early; a fast one has it grown within a second */
  constructor(bytes = SMALLEST) {
    this.bytes = bytes;
    this.ceiling = LARGEST;
  }

  /**
   * Learn from a chunk that took `seconds`. Moves by doubling and halving, so that sizes stay powers of two and chunks stay aligned.
   * @param {number} bytes
   * @param {number} seconds
   */
  learn(bytes, seconds) {
    // The end of a gap makes small chunks: their time says more about latency than about the road.
    if (seconds <= 0 || bytes < this.bytes / 2) return;
    const wanted = (bytes / seconds) * AIM;
    const floor = Math.min(SMALLEST, this.ceiling);
    if (wanted >= this.bytes * 2) this.bytes = Math.min(this.ceiling, this.bytes * 2);
    else if (wanted < this.bytes / 2) this.bytes = Math.max(floor, this.bytes / 2);
  }

  /**
   * A proxy refused `bytes` as too large (413). Never try that size again.
   * @param {number} bytes
   * @returns {boolean} whether smaller is still worth trying
   */
  refuse(bytes) {
    if (bytes <= FLOOR) return false;
    while (this.ceiling >= bytes && this.ceiling > FLOOR) this.ceiling /= 2;
    this.bytes = Math.min(this.bytes, this.ceiling);
    return true;
  }
}

/** One upload's plan: what the host has, what is on its way, what comes next. */
export class Plan {
  /**
   * @param {number} size bytes of the whole image
   * @param {Range[]} durable what the host holds for good
   * @param {ChunkSize} chunks
   */
  constructor(size, durable = [], chunks = new ChunkSize()) {
    this.size = size;
    this.chunks = chunks;
    this.durable = merge(durable);
    /** @type {Set<Range>} */
    this.underway = new Set();
    /** @type {Range[]} what never travelled because it is zeros */
    this.zeros = [];
  }

  /**
   * The next range to send, taken out of the plan until it is confirmed or given back; null when none is left.
   * @returns {Range | null}
   */
  next() {
    const taken = merge([...this.durable, ...this.underway].map(([start, end]) => [start, end]));
    const gap = gaps(this.size, taken)[0];
    if (!gap) return null;
    /** @type {Range} */
    const range = [gap[0], chunkEnd(gap[0], gap[1], this.chunks.bytes)];
    this.underway.add(range);
    return range;
  }

  /**
   * A part of an underway range is durable on the host.
   * @param {Range} part
   * @param {boolean} zero
   */
  confirm(part, zero = false) {
    this.durable = merge([...this.durable, part]);
    if (zero) this.zeros = merge([...this.zeros, part]);
  }

  /**
   * The work on a range has ended, confirmed or not: what is not durable of it will come again.
   * @param {Range} range
   */
  release(range) {
    this.underway.delete(range);
  }

  /**
   * The host's word on what it holds, beside what it confirmed to us meanwhile.
   * @param {Range[]} durable
   */
  learn(durable) {
    this.durable = merge([...this.durable, ...durable]);
  }

  /**
   * The host lacks these after all: send them again.
   * @param {Range[]} lacking
   */
  lose(lacking) {
    this.durable = gaps(this.size, merge(lacking));
  }

  get durableBytes() {
    return total(this.durable);
  }

  get complete() {
    return this.durableBytes >= this.size;
  }
}
