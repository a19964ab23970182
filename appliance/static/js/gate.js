/**
 * How many requests may carry bytes at once. A browser opens six connections to one server and lets everything else wait for one of
 * them: uploads that took all six would make every click of the person wait for a chunk to end.
 */

/** Four for bytes leave two for the page. */
export const PLACES = 4;

export class Gate {
  /** @param {number} places */
  constructor(places = PLACES) {
    this.free = places;
    /** @type {(() => void)[]} who waits, first come first served */
    this.waiting = [];
  }

  /**
   * Do `work` as soon as there is a place for it.
   * @template T
   * @param {AbortSignal} signal ends the waiting
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async pass(signal, work) {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.free += 1;
      this.waiting.shift()?.();
    }
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<void>} when a place was taken
   */
  #enter(signal) {
    return new Promise((resolve, reject) => {
      const take = () => {
        signal.removeEventListener("abort", leave);
        this.free -= 1;
        resolve();
      };
      const leave = () => {
        this.waiting = this.waiting.filter((one) => one !== take);
        reject(signal.reason);
      };
      if (signal.aborted) reject(signal.reason);
      else if (this.free > 0) take();
      else {
        this.waiting.push(take);
        signal.addEventListener("abort", leave, { once: true });
      }
    });
  }
}
