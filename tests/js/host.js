/** A host for tests that keeps what it is given, and fails as it is told to; and the world in which a sender meets it. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";

import { ApiError } from "../../appliance/static/js/api.js";
import { Gate } from "../../appliance/static/js/gate.js";
import { merge } from "../../appliance/static/js/ranges.js";
import { Sender } from "../../appliance/static/js/sender.js";
import { Stop } from "../../appliance/static/js/stop.js";
import { WireError } from "../../appliance/static/js/wire.js";

export const MIB = 1 << 20;

/** @typedef {[number, number]} Range */

export class Host {
  /** @param {number} size */
  constructor(size) {
    this.phase = "transferring";
    /** @type {string | null} */
    this.reason_code = null;
    this.size = size;
    /** @type {Range[]} */
    this.durable = [];
    /** @type {Range[]} every range that was stored, in order */
    this.stored = [];
    /** @type {(Error | null)[]} what the next puts and zeros meet */
    this.faults = [];
    this.sessions = 0;
    this.resumes = 0;
    /** @type {number[]} seconds slept */
    this.slept = [];
    this.largest = Infinity;
    /** @type {string[]} where the next tickets lead; then to the server itself */
    this.proxies = [];
    /** @type {string[]} proxies that do not answer */
    this.dead = [];
    /** @type {(string | undefined)[]} where sessions were opened */
    this.places = [];
    this.gate = new Gate();
    /** How often the next tickets are refused because the transfer moves. */
    this.moves = 0;
  }

  get transfer() {
    return /** @type {any} */ ({ id: "t", name: "disk", size: this.size, phase: this.phase, reason: null, reason_code: this.reason_code, durable: this.durable });
  }

  /** @param {any} session @param {any} run */
  store(session, run) {
    const fault = this.faults.shift();
    if (fault) throw fault;
    if (this.dead.includes(session.place)) throw new WireError(0);
    if (session.id !== this.sessions) throw new WireError(401, "no-session");
    if (run.end - run.start > this.largest) throw new WireError(413);
    this.stored.push([run.start, run.end]);
    this.durable = merge([...this.durable, [run.start, run.end]]);
  }

  /** @returns {any} */
  get world() {
    return {
      api: {
        get: async (/** @type {string} */ path) => (path.endsWith("/pieces") ? { pieces: [[0, 4]] } : this.transfer),
        post: async (/** @type {string} */ path, /** @type {any} */ body) => {
          if (path.endsWith("/resume")) {
            this.resumes += 1;
            this.phase = "transferring";
          }
          if (path.endsWith("/ticket") && this.moves > 0) {
            // Paused for a moment between the look and the ticket, as when it moves to another host.
            this.moves -= 1;
            throw new ApiError({ status: 409, code: "not-allowed", detail: "The transfer is resuming." });
          }
          const proxy = body?.direct ? "" : this.proxies.shift() ?? "";
          return path.endsWith("/ticket") ? { ticket: "x", url: `${proxy}/images/x` } : this.transfer;
        },
      },
      wire: {
        open: async (/** @type {any} */ ticket) => {
          const place = ticket.url.replace("/images/x", "");
          if (this.dead.includes(place)) throw new WireError(0);
          this.places.push(place);
          return { id: ++this.sessions, url: ticket.url, away: place !== "", place };
        },
        put: async (/** @type {any} */ session, /** @type {any} */ run, /** @type {number} */ _size, /** @type {Blob} */ blob, /** @type {AbortSignal} */ _signal, /** @type {(n: number) => void} */ onSent) => {
          onSent(blob.size);
          this.store(session, run);
        },
        zero: async (/** @type {any} */ session, /** @type {any} */ run) => this.store(session, run),
      },
      gate: this.gate,
      hasher: {
        examine: async (/** @type {Blob} */ file, /** @type {number} */ start, /** @type {number} */ end) => [{ start, end, zero: false, sha256: "x" }],
        pieces: async (/** @type {Blob} */ file, /** @type {Range[]} */ ranges) =>
          Promise.all(ranges.map(async ([start, end]) => ({ start, end, sha256: createHash("sha256").update(new Uint8Array(await file.slice(start, end).arrayBuffer())).digest("hex") }))),
        everySecond: () => () => {},
      },
      sleep: async (/** @type {number} */ seconds, /** @type {AbortSignal} */ signal) => {
        this.slept.push(seconds);
        signal.throwIfAborted();
      },
      isOnline: () => true,
      now: () => performance.now() / 1000,
    };
  }
}

/** @param {number} size */
export function file(size) {
  return new File([new Uint8Array(size)], "disk.img", { lastModified: 1_700_000_000_000 });
}

/** @param {number} size @param {(host: Host) => void} prepare */
export function setUp(size = 20 * MIB, prepare = () => {}) {
  const host = new Host(size);
  prepare(host);
  return { host, sender: new Sender(host.transfer, file(size), host.world, () => {}) };
}

/** @param {Promise<unknown>} run @param {string} kind */
export function stops(run, kind) {
  return assert.rejects(run, (error) => error instanceof Stop && error.kind === kind);
}
