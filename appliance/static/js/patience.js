/** What is borne of the network, and for how long: waits where it mends itself, ends with a `Stop` that says why where it does not. */

import { ApiError } from "./api.js";
import { wait } from "./backoff.js";
import { Unreadable } from "./hasher.js";
import { Stop } from "./stop.js";
import { texts } from "./texts.js";
import { WireError } from "./wire.js";

/** Tries in a row that a server may answer with an error before we stop bothering it. */
const REFUSALS = 7;
/** A digest that differs again and again is broken memory or a meddling proxy. */
const DIGESTS = 5;
/** A line that breaks so often may have a proxy that cuts long requests: shorter ones may pass. */
const BREAKS = 3;

export class Patience {
  /**
   * @param {string} file its name, for the person
   * @param {Pick<import("./types").World, "sleep" | "isOnline">} world
   * @param {import("./progress.js").Progress} progress is told what is waited for
   * @param {AbortSignal} signal
   */
  constructor(file, world, progress, signal) {
    this.file = file;
    this.world = world;
    this.progress = progress;
    this.signal = signal;
    this.refusals = 0;
  }

  /** A try succeeded: everything is forgiven. */
  renew() {
    this.refusals = 0;
    this.progress.feel("");
  }

  /**
   * A try failed. Returns, after waiting as is fit, when it is time for the next one.
   * @param {unknown} error
   * @param {number} attempt how many failed before
   * @param {() => boolean} shrink makes requests smaller from now on, if they can be
   * @returns {Promise<boolean>} whether they became smaller
   * @throws {Stop} when there is no use in trying again
   */
  async bear(error, attempt, shrink = () => false) {
    if (error instanceof Stop) throw error;
    if (error instanceof Unreadable) throw new Stop("changed", texts.stop.changed(this.file));
    if (error instanceof ApiError) {
      if (!error.passing) throw new Stop("failing", error);
      await this.linger(attempt, error.retryAfter, error.status === 0 ? texts.waiting.unreachable : error.message);
      return false;
    }
    if (error instanceof WireError) return this.#bearHost(error, attempt, shrink);
    throw error;
  }

  /**
   * @param {WireError} error
   * @param {number} attempt
   * @param {() => boolean} shrink
   * @returns {Promise<boolean>}
   */
  async #bearHost(error, attempt, shrink) {
    const { status, code, text } = error;
    if (status === 409 && code === "session-replaced") throw new Stop("replaced", texts.stop.replaced);
    if (status === 507 || code === "no-space") throw new Stop("no-space", texts.stop.noSpace(text));
    if (status === 413) {
      if (shrink()) return true;
      throw new Stop("failing", texts.stop.tooLarge);
    }
    if (status === 401 || status === 403) {
      // The session is over, and the next try opens another: at once, the first time.
      if (attempt > 0) await this.linger(attempt, null, texts.waiting.session);
      return false;
    }
    if (code === "digest-mismatch") {
      if (attempt >= DIGESTS) throw new Stop("failing", texts.stop.digests);
      return false;
    }
    if (status === 0 || [429, 502, 503, 504].includes(status)) {
      const smaller = status === 0 && attempt === BREAKS && shrink();
      const why = status === 0 ? texts.waiting.unreachable : status === 503 ? text || texts.waiting.busy : texts.waiting.host;
      await this.linger(attempt, error.retryAfter, why);
      return smaller;
    }
    this.refusals += 1;
    if (this.refusals >= REFUSALS) throw new Stop("failing", texts.stop.failing(text, status));
    await this.linger(attempt, error.retryAfter, text || texts.waiting.host);
    return false;
  }

  /**
   * @param {number} attempt
   * @param {number | null} after seconds that the server asked for
   * @param {string} why for the person
   */
  async linger(attempt, after, why) {
    const offline = !this.world.isOnline();
    // The first stumble is nobody's business.
    if (offline || attempt > 0 || after) this.progress.feel(offline ? "offline" : "waiting", offline ? texts.waiting.offline : why);
    await this.world.sleep(wait(attempt, after), this.signal);
  }
}
