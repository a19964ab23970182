/** A steady rate and time left out of unsteady progress. Times are seconds from any clock that only goes forward. */

/** Seconds after which a sample counts half. */
export const HALF_LIFE = 4;
/** Samples of the sparkline, one each second. */
export const SAMPLES = 60;

export class Rate {
  constructor() {
    /** @type {number | null} */
    this.since = null;
    this.bytes = 0;
    /** Decayed bytes and seconds: their quotient is the rate, sound from the first sample on. */
    this.weightedBytes = 0;
    this.weightedSeconds = 0;
    /** @type {number[]} bytes a second, one for each second, newest last */
    this.samples = [];
    /** @type {number | null} */
    this.shown = null;
    this.shownAt = 0;
  }

  /**
   * `bytes` have been sent in all, at `now`. Going backwards (a chunk is sent again) counts as standing still.
   * @param {number} bytes
   * @param {number} now
   */
  note(bytes, now) {
    if (this.since === null) {
      this.since = now;
      this.bytes = bytes;
      return;
    }
    const seconds = now - this.since;
    // Shorter steps would only measure the buffers of the browser.
    if (seconds < 0.9) return;
    const moved = Math.max(0, bytes - this.bytes);
    const keep = 0.5 ** (seconds / HALF_LIFE);
    this.weightedBytes = this.weightedBytes * keep + moved;
    this.weightedSeconds = this.weightedSeconds * keep + seconds;
    this.since = now;
    this.bytes = bytes;
    this.samples.push(moved / seconds);
    if (this.samples.length > SAMPLES) this.samples.shift();
  }

  /** The clock stands still: paused, offline. The next note starts anew without a gap in the rate. */
  rest() {
    this.since = null;
    this.shown = null;
  }

  /** Bytes a second, smoothed; 0 while unknown. */
  get value() {
    return this.weightedSeconds > 0 ? this.weightedBytes / this.weightedSeconds : 0;
  }

  /**
   * Seconds left for `bytes`, or null while unknown. Counts down by the clock, and is corrected only when it is off by a fifth:
   * a number that wobbles is not believed.
   * @param {number} bytes
   * @param {number} now
   * @returns {number | null}
   */
  left(bytes, now) {
    if (this.samples.length < 2 || this.value < 1) return null;
    const honest = bytes / this.value;
    const counted = this.shown === null ? honest : Math.max(0, this.shown - (now - this.shownAt));
    const off = Math.abs(counted - honest) > Math.max(2, honest / 5);
    this.shown = off ? honest : counted;
    this.shownAt = now;
    return this.shown;
  }
}
