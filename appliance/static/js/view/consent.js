/** Whether the server would take what is being filled in: asked before anything is sent. */

import { ApiError, post } from "../api.js";

/** Milliseconds of quiet before the server is asked: nobody types a name in one go. */
const QUIET = 250;
/** Milliseconds before a server that had no answer is asked again. */
const AGAIN = 2000;

export class Consent {
  /**
   * @param {() => object | null} order what would be asked for; null while the page itself sees that it cannot be
   * @param {(problem: import("./problem.js").Problem | null) => void} tell
   * @param {() => void} changed
   */
  constructor(order, tell, changed) {
    this.order = order;
    this.tell = tell;
    this.changed = changed;
    /** The server said yes to exactly this. */
    this.agreed = "";
    /** @type {ReturnType<typeof setTimeout> | null} */
    this.timer = null;
    this.asking = new AbortController();
  }

  get given() {
    const order = this.order();
    return order !== null && this.agreed === JSON.stringify(order);
  }

  /** Something was changed. */
  seek() {
    if (this.order() && !this.given) this.later(this.agreed ? QUIET : 0);
    this.changed();
  }

  /** @param {number} pause milliseconds */
  later(pause) {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), pause);
  }

  async ask() {
    this.asking.abort();
    // It was sound when the clock was set; somebody went on typing.
    const order = this.order();
    if (!order) return;
    this.asking = new AbortController();
    const { signal } = this.asking;
    try {
      await post("/transfers/check", order, { signal });
      this.agreed = JSON.stringify(order);
      this.tell(null);
    } catch (error) {
      if (signal.aborted) return;
      this.agreed = "";
      this.tell(error instanceof ApiError ? error : { detail: String(error) });
      if (error instanceof ApiError && error.passing) this.later(AGAIN);
    }
    this.changed();
  }

  leave() {
    if (this.timer !== null) clearTimeout(this.timer);
    this.asking.abort();
  }
}
