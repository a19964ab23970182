/** The way to the host: signed ticket → session, one for all requests, by another proxy where one has failed. */

import { ApiError } from "./api.js";
import { WireError } from "./wire.js";

/** @typedef {import("./types").Session} Session */
/** @typedef {import("./types").Ticket} Ticket */

/** Proxies that may fail in a row before the server itself is asked to take the bytes: its certificate is trusted, theirs may not be. */
const PROXIES = 2;
/** What a proxy says, or does not say, when another one may do better. */
const BROKEN = [0, 502, 503, 504];
/** What is said to a session that is over. */
const EXPIRED = [401, 403];
/** Seconds before a transfer that moves is looked at again. */
const MOVING = 0.2;

export class Road {
  /**
   * @param {import("./standing.js").Standing} standing
   * @param {import("./types").World} world
   * @param {(ticket: Ticket) => void} told called with each ticket
   */
  constructor(standing, world, told) {
    this.standing = standing;
    this.world = world;
    this.signal = standing.signal;
    this.told = told;
    /** @type {Session | null} */
    this.session = null;
    /** @type {Promise<void> | null} */
    this.opening = null;
    /** Proxies that have failed since the last byte was confirmed. */
    this.failed = 0;
  }

  /**
   * The session, opened when there is none; the lanes share one opening.
   * @returns {Promise<Session>}
   */
  async open() {
    while (!this.session) {
      this.signal.throwIfAborted();
      this.opening ??= this.#reopen().finally(() => {
        this.opening = null;
      });
      await this.opening;
    }
    return this.session;
  }

  /** Bytes arrive by it. */
  renew() {
    this.failed = 0;
  }

  /**
   * A request failed: the next one has another session where it was this one's fault. What is late with its complaint about an
   * older session changes nothing.
   * @param {Session} session
   * @param {unknown} error
   */
  leave(session, error) {
    if (session !== this.session || !(error instanceof WireError)) return;
    const broken = session.away && BROKEN.includes(error.status);
    if (broken) this.failed += 1;
    if (broken || EXPIRED.includes(error.status)) this.session = null;
  }

  async #reopen() {
    await this.standing.ready();
    const ticket = await this.#ticket();
    if (!ticket) return;
    this.told(ticket);
    try {
      this.session = await this.world.wire.open(ticket, this.signal);
    } catch (error) {
      if (!ticket.url.startsWith("/")) this.failed += 1;
      throw error;
    }
  }

  /** @returns {Promise<Ticket | null>} null when the transfer has to be looked at again */
  async #ticket() {
    try {
      const wish = this.failed < PROXIES ? undefined : { direct: true };
      return await this.world.api.post(`/transfers/${this.standing.transfer.id}/ticket`, wish, { signal: this.signal });
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "not-allowed")) throw error;
      // Paused between two questions, as when it moves to another host.
      await this.world.sleep(MOVING, this.signal);
      return null;
    }
  }
}
