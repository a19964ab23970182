/**
 * Sends what the host lacks of one transfer, until it has everything: signed ticket → session → a few chunks at a time. Knows the
 * network's moods and goes on by itself wherever that is right; where it is not, it ends with a `Stop` that says why.
 */

import { ApiError } from "./api.js";
import { wait } from "./backoff.js";
import { Unreadable } from "./hasher.js";
import { positions } from "./pieces.js";
import { ChunkSize, Plan } from "./plan.js";
import { Rate } from "./rate.js";
import { total } from "./ranges.js";
import { texts } from "./texts.js";
import { WireError } from "./wire.js";

/** @typedef {import("./types").Transfer} Transfer */
/** @typedef {import("./types").Session} Session */
/** @typedef {import("./types").Run} Run */
/** @typedef {import("./ranges.js").Range} Range */

const LANES = 3;
const HEARTBEAT = 10;
/** Tries in a row that a server may answer with an error before we stop bothering it. */
const PATIENCE = 7;
/** A digest that differs again and again is broken memory or a meddling proxy. */
const DIGESTS = 5;
/** Proxies that may fail in a row before the server itself is asked to take the bytes: its certificate is trusted, theirs may not be. */
const PROXIES = 2;
/** What a proxy says, or does not say, when another one may do better. */
const LEAVE = [0, 502, 503, 504];

/** The end of sending before everything is there. */
export class Stop extends Error {
  /**
   * @param {"paused" | "cancelled" | "replaced" | "over" | "changed" | "failing" | "no-space" | "different-file" | "left"} kind
   * @param {{title?: string, detail?: string, hint?: string, id?: string}} problem what to tell the person
   */
  constructor(kind, problem = {}) {
    super(problem.detail ?? kind);
    this.kind = kind;
    this.problem = problem;
  }
}

/**
 * @typedef {object} World what the sender touches, given from outside so that tests can give their own
 * @property {{get: Function, post: Function}} api
 * @property {typeof import("./wire.js")} wire
 * @property {{examine: Function, pieces: Function, everySecond: Function}} hasher
 * @property {(seconds: number, signal: AbortSignal) => Promise<void>} sleep
 * @property {() => boolean} isOnline
 * @property {() => number} now seconds
 */

export class Sender {
  /**
   * @param {Transfer} transfer
   * @param {File} file
   * @param {World} world
   * @param {() => void} changed called whenever there is something new to show
   */
  constructor(transfer, file, world, changed) {
    this.transfer = transfer;
    this.file = file;
    this.world = world;
    this.changed = changed;
    this.plan = new Plan(transfer.size, transfer.durable, new ChunkSize());
    this.rate = new Rate();
    /** @type {Map<Range, {from: number, bytes: number}>} what has left the browser of each chunk underway and is not confirmed */
    this.afloat = new Map();
    /** Bytes of data confirmed since this sender began: zeros took no time on the road, and say nothing of its speed. */
    this.travelled = 0;
    /** @type {"" | "waiting" | "offline"} */
    this.mood = "";
    this.why = "";
    this.control = new AbortController();
    /** @type {Session | null} */
    this.session = null;
    /** @type {Promise<void> | null} */
    this.opening = null;
    this.refusals = 0;
    /** Proxies that have failed since the last byte was confirmed. */
    this.failed = 0;
    this.modified = file.lastModified;
  }

  get signal() {
    return this.control.signal;
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

  /** Seconds left, or null. */
  get left() {
    return this.mood ? null : this.rate.left(this.plan.size - this.plan.durableBytes - this.sentBytes, this.world.now());
  }

  /**
   * Send everything. Resolves when the host confirmed the last byte; throws Stop otherwise.
   */
  async run() {
    let seconds = 0;
    const quiet = this.world.hasher.everySecond(() => {
      if (!this.mood) this.rate.note(this.travelled + this.sentBytes, this.world.now());
      seconds += 1;
      if (seconds % HEARTBEAT === 0) this.heartbeat();
      this.changed();
    });
    try {
      await this.ready();
      await Promise.all(Array.from({ length: LANES }, () => this.lane()));
    } catch (error) {
      // One lane's end is the end of all.
      this.stop(error instanceof Error ? error : new Error(String(error)));
      throw this.signal.reason;
    } finally {
      quiet();
      this.afloat.clear();
      this.feel("");
    }
  }

  /**
   * Give up what is underway. The first reason given stays.
   * @param {Error} reason
   */
  stop(reason) {
    if (!this.signal.aborted) this.control.abort(reason);
  }

  /** The host lacks these: run again. @param {Range[]} lacking */
  lacks(lacking) {
    this.plan.lose(lacking);
  }

  async heartbeat() {
    try {
      const { phase } = await this.world.api.post(`/transfers/${this.transfer.id}/heartbeat`, undefined, { signal: this.signal });
      if (phase === "paused_user") this.stop(new Stop("paused"));
      if (phase.startsWith("cancelled") || phase === "finished_cleanup") this.stop(new Stop("cancelled"));
    } catch {
      // The lanes meet the same trouble, and know what to do about it.
    }
  }

  /**
   * @param {"" | "waiting" | "offline"} mood
   * @param {string} why
   */
  feel(mood, why = "") {
    if (mood === this.mood && why === this.why) return;
    this.mood = mood;
    this.why = why;
    if (mood) this.rate.rest();
    this.changed();
  }

  async lane() {
    for (let range = this.plan.next(); range; range = this.plan.next()) {
      try {
        await this.chunk(range);
      } finally {
        this.plan.release(range);
        this.afloat.delete(range);
      }
    }
  }

  /**
   * One chunk, tried until it is there, or until it has to be cut smaller.
   * @param {Range} range
   */
  async chunk(range) {
    let at = range[0];
    for (let attempt = 0; at < range[1]; ) {
      try {
        this.signal.throwIfAborted();
        if (this.file.lastModified !== this.modified) throw new Unreadable();
        // Read anew for each try: a file that changed meanwhile must not pass with the digest of what it was.
        for (const run of await this.world.hasher.examine(this.file, at, range[1])) {
          await this.one(run, range);
          at = run.end;
          attempt = 0;
          this.refusals = this.failed = 0;
          this.feel("");
        }
      } catch (error) {
        this.afloat.delete(range);
        this.signal.throwIfAborted();
        const smaller = await this.judge(error, attempt, range[1] - at);
        if (smaller) return;
        attempt += 1;
      }
    }
  }

  /**
   * @param {Run} run
   * @param {Range} key
   */
  async one(run, key) {
    const session = await this.open();
    try {
      await this.send(session, run, key);
    } catch (error) {
      this.leave(session, error);
      throw error;
    }
  }

  /**
   * The next try goes by another proxy, if it was one that failed.
   * @param {Session} session
   * @param {unknown} error
   */
  leave(session, error) {
    if (!session.away || session !== this.session || !(error instanceof WireError) || !LEAVE.includes(error.status)) return;
    this.session = null;
    this.failed += 1;
  }

  /**
   * @param {Session} session
   * @param {Run} run
   * @param {Range} key
   */
  async send(session, run, key) {
    const began = this.world.now();
    if (run.zero) {
      await this.world.wire.zero(session, run, this.signal);
    } else {
      const blob = this.file.slice(run.start, run.end);
      await this.world.wire.put(session, run, this.plan.size, blob, this.signal, (bytes) => {
        this.afloat.set(key, { from: run.start, bytes: Math.min(bytes, run.end - run.start) });
        this.changed();
      });
      this.plan.chunks.learn(run.end - run.start, this.world.now() - began);
      this.travelled += run.end - run.start;
    }
    this.afloat.delete(key);
    this.plan.confirm([run.start, run.end], run.zero);
    this.changed();
  }

  /**
   * What to do about a failed try: returns (after waiting as is fit) to try again, true to cut the chunk smaller; throws Stop.
   * @param {unknown} error
   * @param {number} attempt
   * @param {number} bytes that were tried
   * @returns {Promise<boolean>}
   */
  async judge(error, attempt, bytes) {
    if (error instanceof Stop) throw error;
    if (error instanceof Unreadable) throw new Stop("changed", texts.stop.changed(this.file.name));
    if (error instanceof ApiError && error.passing) return this.linger(attempt, error.retryAfter, error.status === 0 ? texts.waiting.unreachable : error.message);
    if (error instanceof ApiError) throw new Stop("failing", error);
    if (!(error instanceof WireError)) throw error;
    const { status, code } = error;
    if (status === 409 && code === "session-replaced") throw new Stop("replaced", texts.stop.replaced);
    if (status === 507 || code === "no-space") throw new Stop("no-space", texts.stop.noSpace(error.text));
    if (status === 413) {
      if (this.plan.chunks.refuse(bytes)) return true;
      throw new Stop("failing", texts.stop.tooLarge);
    }
    if (status === 401 || status === 403) {
      this.session = null;
      if (attempt > 0) await this.linger(attempt, null, texts.waiting.session);
      return false;
    }
    if (code === "digest-mismatch") {
      if (attempt >= DIGESTS) throw new Stop("failing", texts.stop.digests);
      return false;
    }
    if (status === 0 || [429, 502, 503, 504].includes(status)) {
      const why = status === 0 ? texts.waiting.unreachable : status === 503 ? error.text || texts.waiting.busy : texts.waiting.host;
      // A proxy that cuts long requests looks like a bad line: shorter ones may pass.
      if (status === 0 && attempt === 3 && this.plan.chunks.refuse(bytes)) {
        await this.linger(attempt, null, why);
        return true;
      }
      return this.linger(attempt, error.retryAfter, why);
    }
    this.refusals += 1;
    if (this.refusals >= PATIENCE) throw new Stop("failing", texts.stop.failing(error.text, status));
    return this.linger(attempt, error.retryAfter, error.text || texts.waiting.host);
  }

  /**
   * @param {number} attempt
   * @param {number | null} after
   * @param {string} why
   * @returns {Promise<false>}
   */
  async linger(attempt, after, why) {
    const offline = !this.world.isOnline();
    // The first stumble is nobody's business.
    if (offline || attempt > 0 || after) this.feel(offline ? "offline" : "waiting", offline ? texts.waiting.offline : why);
    await this.world.sleep(wait(attempt, after), this.signal);
    return false;
  }

  /**
   * The session, opened when there is none; the lanes share one opening.
   * @returns {Promise<Session>}
   */
  async open() {
    while (!this.session) {
      this.signal.throwIfAborted();
      this.opening ??= this.reopen().finally(() => {
        this.opening = null;
      });
      await this.opening;
    }
    return this.session;
  }

  async reopen() {
    await this.ready();
    /** @type {any} */
    let ticket;
    try {
      const wish = this.failed < PROXIES ? undefined : { direct: true };
      ticket = await this.world.api.post(`/transfers/${this.transfer.id}/ticket`, wish, { signal: this.signal });
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "not-allowed")) throw error;
      // Paused between two questions, as when it moves to another host: look again.
      await this.world.sleep(0.2, this.signal);
      return;
    }
    this.plan.learn(ticket.durable ?? []);
    try {
      this.session = await this.world.wire.open(ticket, this.signal);
    } catch (error) {
      if (!ticket.url.startsWith("/")) this.failed += 1;
      throw error;
    }
  }

  /** Wait until the transfer takes bytes; resume it where the system had paused it. */
  async ready() {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const transfer = /** @type {Transfer} */ (await this.world.api.get(`/transfers/${this.transfer.id}`, { signal: this.signal }));
        this.transfer = transfer;
        this.plan.learn(transfer.durable);
        this.changed();
        const { phase } = transfer;
        if (phase === "transferring") return;
        if (phase === "paused_user") throw new Stop("paused");
        if (phase.startsWith("cancelled") || phase === "finished_cleanup") throw new Stop("cancelled");
        if (phase.startsWith("fin")) throw new Stop("over");
        if (phase === "paused_system") await this.resume(transfer, attempt);
        else await this.world.sleep(Math.min(2, 0.2 * (attempt + 1)), this.signal);
      } catch (error) {
        this.signal.throwIfAborted();
        await this.judge(error, attempt, 0);
      }
    }
  }

  /**
   * @param {Transfer} transfer
   * @param {number} attempt
   */
  async resume(transfer, attempt) {
    if (transfer.reason_code === "no-space") throw new Stop("no-space", texts.stop.noSpace(transfer.reason ?? ""));
    // The system's pauses mend themselves: the host comes back, the line comes back. Ask again, ever more rarely.
    if (attempt > 0) await this.linger(attempt, null, transfer.reason ?? texts.waiting.host);
    try {
      await resume(transfer, this.file, this.world, this.signal);
    } catch (error) {
      if (error instanceof ApiError && error.code === "different-file") throw new Stop("different-file", error);
      // Somebody else was quicker, or the phase moved on: look again.
      if (!(error instanceof ApiError && error.code === "not-allowed")) throw error;
    }
  }
}

/**
 * Prove that `file` is the one the transfer was begun with, and have it go on.
 * @param {Transfer} transfer
 * @param {File} file
 * @param {Pick<World, "api" | "hasher">} world
 * @param {AbortSignal} [signal]
 * @returns {Promise<Transfer>}
 * @throws {ApiError} `different-file` when it is another
 */
export async function resume(transfer, file, world, signal) {
  const wanted = await world.api.get(`/transfers/${transfer.id}/pieces`, { signal });
  const inside = wanted.pieces.filter((/** @type {Range} */ [, end]) => end <= file.size);
  const pieces = await world.hasher.pieces(file, inside);
  return world.api.post(`/transfers/${transfer.id}/resume`, { size: file.size, modified: modified(file), pieces }, { signal, timeout: 120 });
}

/**
 * What tells this file from another, for the server to keep.
 * @param {File} file
 * @param {Pick<World, "hasher">} world
 */
export async function fingerprint(file, world) {
  return { modified: modified(file), pieces: await world.hasher.pieces(file, positions(file.size)) };
}

/** Seconds since 1970. @param {File} file */
function modified(file) {
  return file.lastModified / 1000;
}

/**
 * Bytes of `file` that would still travel.
 * @param {Transfer} transfer
 */
export function toGo(transfer) {
  return transfer.size - total(transfer.durable);
}
