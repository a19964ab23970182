/**
 * Sends what the host lacks of one transfer, until it has everything: a few chunks at a time, each tried until it is there. Where that
 * cannot be, it ends with a `Stop` that says why.
 */

import { Unreadable } from "./hasher.js";
import { Patience } from "./patience.js";
import { ChunkSize, Plan } from "./plan.js";
import { Progress } from "./progress.js";
import { Road } from "./road.js";
import { Standing } from "./standing.js";
import { Stop } from "./stop.js";

/** @typedef {import("./types").Transfer} Transfer */
/** @typedef {import("./types").Session} Session */
/** @typedef {import("./types").Run} Run */
/** @typedef {import("./types").World} World */
/** @typedef {import("./ranges.js").Range} Range */

const LANES = 3;
/** Seconds between signs of life. */
const HEARTBEAT = 10;

export class Sender {
  /**
   * @param {Transfer} transfer
   * @param {File} file
   * @param {World} world
   * @param {() => void} changed called whenever there is something new to show
   */
  constructor(transfer, file, world, changed) {
    this.file = file;
    this.world = world;
    this.modified = file.lastModified;
    this.control = new AbortController();
    this.plan = new Plan(transfer.size, transfer.durable, new ChunkSize());
    this.progress = new Progress(this.plan, world.now, changed);
    this.patience = new Patience(file.name, world, this.progress, this.signal);
    this.standing = new Standing(transfer, file, world, this.patience, ({ durable }) => {
      this.plan.learn(durable);
      changed();
    });
    this.road = new Road(this.standing, world, ({ durable }) => this.plan.learn(durable ?? []));
  }

  get signal() {
    return this.control.signal;
  }

  /** As the server told it last. */
  get transfer() {
    return this.standing.transfer;
  }

  /**
   * Send everything. Resolves when the host confirmed the last byte; throws Stop otherwise.
   */
  async run() {
    let seconds = 0;
    const quiet = this.world.hasher.everySecond(() => {
      this.progress.tick();
      seconds += 1;
      if (seconds % HEARTBEAT === 0) this.#beat();
    });
    try {
      await this.standing.ready();
      await Promise.all(Array.from({ length: LANES }, () => this.#lane()));
    } catch (error) {
      // One lane's end is the end of all.
      this.stop(error instanceof Error ? error : new Error(String(error)));
      throw this.signal.reason;
    } finally {
      quiet();
      this.progress.rest();
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

  async #beat() {
    try {
      await this.standing.heartbeat();
    } catch (error) {
      // Other trouble the lanes meet too, and know what to do about it.
      if (error instanceof Stop) this.stop(error);
    }
  }

  async #lane() {
    for (let chunk = this.plan.next(); chunk; chunk = this.plan.next()) {
      try {
        await this.#chunk(chunk);
      } finally {
        this.plan.release(chunk);
        this.progress.sink(chunk);
      }
    }
  }

  /**
   * One chunk, tried until it is there, or until it has to be cut smaller.
   * @param {Range} chunk
   */
  async #chunk(chunk) {
    const end = chunk[1];
    let at = chunk[0];
    for (let attempt = 0; at < end; ) {
      try {
        this.signal.throwIfAborted();
        if (this.file.lastModified !== this.modified) throw new Unreadable();
        // Read anew for each try: a file that changed meanwhile must not pass with the digest of what it was.
        for (const run of await this.world.hasher.examine(this.file, at, end)) {
          await this.#send(run, chunk);
          at = run.end;
          attempt = 0;
          this.road.renew();
          this.patience.renew();
        }
      } catch (error) {
        this.progress.sink(chunk);
        this.signal.throwIfAborted();
        const smaller = await this.patience.bear(error, attempt, () => this.plan.chunks.refuse(end - at));
        if (smaller) return;
        attempt += 1;
      }
    }
  }

  /**
   * @param {Run} run
   * @param {Range} chunk
   */
  async #send(run, chunk) {
    const session = await this.road.open();
    try {
      await this.world.gate.pass(this.signal, () => (run.zero ? this.world.wire.zero(session, run, this.signal) : this.#put(session, run, chunk)));
    } catch (error) {
      this.road.leave(session, error);
      throw error;
    }
    this.progress.land(chunk, run);
  }

  /**
   * @param {Session} session
   * @param {Run} run
   * @param {Range} chunk
   */
  async #put(session, run, chunk) {
    const { start, end } = run;
    const began = this.world.now();
    await this.world.wire.put(session, run, this.plan.size, this.file.slice(start, end), this.signal, (bytes) => {
      this.progress.float(chunk, start, Math.min(bytes, end - start));
    });
    this.plan.chunks.learn(end - start, this.world.now() - began);
  }
}
