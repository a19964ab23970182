/** All uploads of this page: two at a time, more may be added while they run. Lives as long as the page, whatever is shown on it. */

import * as api from "./api.js";
import { claim } from "./claims.js";
import * as hasher from "./hasher.js";
import * as memory from "./memory.js";
import { isOver, isPaused } from "./phase.js";
import { merge } from "./ranges.js";
import { fingerprint, resume, Sender, Stop } from "./sender.js";
import { texts } from "./texts.js";
import * as wire from "./wire.js";

/** @typedef {import("./types").Transfer} Transfer */
/** @typedef {import("./types").Order} Order */
/** @typedef {Omit<Order, "fingerprint" | "client" | "size"> & {domainName: string}} Wish what the person chose in the dialog */

const PARALLEL = 2;
/** Times that finalize may find bytes missing, and send them, before it is called a failure. */
const ROUNDS = 5;

/** @type {import("./sender.js").World} */
const world = {
  api, wire, hasher, sleep, isOnline: () => navigator.onLine, now: () => performance.now() / 1000,
};

/**
 * Seconds of rest, cut short when the line comes back.
 * @param {number} seconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    const end = (/** @type {() => void} */ settle) => {
      clearTimeout(timer);
      removeEventListener("online", wake);
      signal.removeEventListener("abort", stop);
      settle();
    };
    const wake = () => end(resolve);
    const stop = () => end(() => reject(signal.reason));
    const timer = setTimeout(wake, seconds * 1000);
    addEventListener("online", wake, { once: true });
    signal.addEventListener("abort", stop, { once: true });
  });
}

let counter = 0;

/** One file's way from this browser to the host. */
export class Upload {
  /**
   * @param {File} file
   * @param {Wish | null} wish null when an existing transfer goes on
   * @param {Transfer | null} transfer
   * @param {() => void} changed
   */
  constructor(file, wish, transfer, changed) {
    counter += 1;
    // The same row tells the story on when an unfinished transfer is resumed here.
    this.key = transfer?.id ?? `here-${counter}`;
    this.file = file;
    this.wish = wish;
    this.transfer = transfer;
    this.changed = changed;
    /** @type {Sender | null} */
    this.sender = null;
    /** @type {"queued" | "preparing" | "sending" | "pausing" | "checking" | "ended"} */
    this.stage = "queued";
    /** How it ended, when it is not the server's phase that says it. @type {"" | "stopped" | "replaced" | "cancelled"} */
    this.end = "";
    /** @type {{title?: string, detail?: string, hint?: string, id?: string} | null} */
    this.problem = null;
    /** The pause that is being asked for. @type {Promise<Transfer> | null} */
    this.pausing = null;
  }

  get name() {
    return this.transfer?.name ?? this.wish?.name ?? this.file.name;
  }

  /** The phase to show: the server's, unless this browser knows better. */
  get phase() {
    if (this.end && !(this.transfer && isOver(this.transfer.phase))) return this.end === "cancelled" ? "finished_cleanup" : this.end;
    if (this.stage === "queued" || this.stage === "preparing" || this.stage === "pausing") return this.stage;
    // What is on the road when the line breaks only notices after a while.
    if (this.stage === "sending" && !navigator.onLine) return "offline";
    if (this.stage === "sending" && this.sender?.mood) return this.sender.mood;
    if (this.stage === "checking" && this.transfer?.phase === "transferring") return "finalizing_success";
    return this.transfer?.phase ?? "preparing";
  }

  /** Takes part of the queue's places. */
  get running() {
    return this.stage === "preparing" || this.stage === "sending" || this.stage === "pausing";
  }

  /** Closing the page would interrupt it. */
  get fragile() {
    return this.running || this.stage === "queued";
  }

  /** What the bar shows: as far as this browser knows, which is more than the server tells. */
  get bar() {
    const durable = this.sender?.plan.durable ?? this.transfer?.durable ?? [];
    return { size: this.file.size, durable, sent: merge(this.sender?.sent ?? []), zeros: this.sender?.plan.zeros ?? [] };
  }

  async run() {
    this.stage = "preparing";
    this.problem = null;
    this.end = "";
    this.changed();
    let release = () => {};
    try {
      this.transfer ??= await this.create();
      // First claimed, then remembered: what is remembered and not claimed has lost its page.
      release = await claim(this.transfer.id);
      memory.remember(this.transfer.id, this.file);
      for (let round = 0; ; round += 1) {
        await this.send();
        if (await this.finalize(round)) break;
      }
      await this.watch();
    } catch (error) {
      await this.fail(error);
    }
    release();
    this.sender = null;
    this.stage = "ended";
    this.changed();
  }

  /** @returns {Promise<Transfer>} */
  async create() {
    const { domainName, ...wish } = /** @type {Wish} */ (this.wish);
    const proof = await fingerprint(this.file, world);
    return api.post("/transfers", { ...wish, size: this.file.size, fingerprint: proof, client: "browser" }, { timeout: 120 });
  }

  async send() {
    const transfer = /** @type {Transfer} */ (this.transfer);
    this.sender ??= new Sender(transfer, this.file, world, () => {
      // Once it was told to pause, the sender knows less than the answer to that.
      if (this.sender && !this.pausing) this.transfer = this.sender.transfer;
      this.changed();
    });
    this.stage = "sending";
    this.changed();
    await this.sender.run();
  }

  /**
   * @param {number} round
   * @returns {Promise<boolean>} false: bytes were missing, send again
   */
  async finalize(round) {
    const sender = /** @type {Sender} */ (this.sender);
    this.stage = "checking";
    for (let attempt = 0; ; attempt += 1) {
      this.changed();
      try {
        this.transfer = await api.post(`/transfers/${sender.transfer.id}/finalize`, undefined, { signal: sender.signal });
        return true;
      } catch (error) {
        if (!(error instanceof api.ApiError)) throw error;
        if (error.code === "incomplete" && round < ROUNDS) {
          sender.lacks(error.details.missing ?? [[0, sender.plan.size]]);
          return false;
        }
        if (error.code === "not-allowed") {
          try {
            await sender.ready();
          } catch (stop) {
            // Finalized already: the answer to an earlier try was lost on its way.
            if (attempt > 0 && stop instanceof Stop && stop.kind === "over") return true;
            throw stop;
          }
          return false;
        }
        if (!error.passing) throw error;
        await sender.linger(attempt, error.retryAfter, texts.waiting.unreachable);
      }
    }
  }

  /** Follow the host's check to its end. */
  async watch() {
    const { id } = /** @type {Transfer} */ (this.transfer);
    const never = new AbortController().signal;
    for (let attempt = 0; this.transfer && !isOver(this.transfer.phase); ) {
      await sleep(attempt ? Math.min(10, attempt) : 0.7, never);
      try {
        this.transfer = await api.get(`/transfers/${id}`);
        attempt = 0;
      } catch (error) {
        if (!(error instanceof api.ApiError && error.passing)) throw error;
        attempt += 1;
      }
      this.changed();
    }
    if (this.transfer?.phase === "finished_failure") {
      this.problem = { title: texts.problem.refused, detail: this.transfer.reason ?? "", hint: texts.problem.refusedHint };
    }
  }

  /** @param {unknown} error */
  async fail(error) {
    const { transfer } = this;
    if (error instanceof Stop && error.kind === "over") {
      this.stage = "checking";
      return this.watch().catch((problem) => this.tell(problem));
    }
    if (error instanceof Stop && error.kind === "cancelled") {
      this.end = "cancelled";
    } else if (error instanceof Stop && error.kind === "paused") {
      this.end = "";
    } else if (error instanceof Stop && error.kind === "replaced") {
      this.end = "replaced";
      this.problem = error.problem;
      return;
    } else {
      this.tell(error);
      // Keep what has arrived, and let nobody wait for bytes that do not come.
      if (transfer) await api.post(`/transfers/${transfer.id}/pause`).catch(() => null);
    }
    // Asked before the pause is answered, the server may still call it transferring.
    await this.pausing?.catch(() => null);
    if (transfer) this.transfer = await api.get(`/transfers/${transfer.id}`).catch(() => this.transfer);
  }

  /** @param {unknown} error */
  tell(error) {
    this.end = "stopped";
    if (error instanceof Stop) this.problem = error.problem;
    else if (error instanceof api.ApiError) this.problem = error;
    else if (error instanceof hasher.Unreadable) this.problem = texts.stop.changed(this.file.name);
    else this.problem = { title: texts.problem.unknown, detail: String(error), hint: texts.problem.reload };
  }

  /** @throws {api.ApiError} */
  async pause() {
    if (!this.transfer) return;
    this.stage = "pausing";
    this.changed();
    const { id } = this.transfer;
    this.sender?.stop(new Stop("paused"));
    this.pausing = api.post(`/transfers/${id}/pause`);
    this.transfer = await this.pausing;
    this.changed();
  }
}

class Queue {
  constructor() {
    /** @type {Upload[]} */
    this.uploads = [];
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    /** @type {ReturnType<typeof setTimeout> | null} */
    this.soon = null;
    this.changed = this.changed.bind(this);
    for (const turn of ["online", "offline"]) addEventListener(turn, this.changed);
  }

  /**
   * @param {() => void} listener called soon after changes, a few times a second at most
   * @returns {() => void} ends it
   */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed() {
    if (this.soon !== null) return;
    this.soon = setTimeout(() => {
      this.soon = null;
      for (const listener of [...this.listeners]) listener();
    }, 100);
  }

  get busy() {
    return this.uploads.some((upload) => upload.fragile);
  }

  /** @param {string} transfer id */
  of(transfer) {
    return this.uploads.find((upload) => upload.transfer?.id === transfer) ?? null;
  }

  /**
   * The upload that already takes care of the same file.
   * @param {File} file
   */
  twin(file) {
    return this.uploads.find(
      (upload) => upload.stage !== "ended" && upload.file.name === file.name && upload.file.size === file.size && upload.file.lastModified === file.lastModified,
    ) ?? null;
  }

  /**
   * @param {File} file
   * @param {Wish} wish
   * @returns {Upload}
   */
  add(file, wish) {
    const upload = new Upload(file, wish, null, this.changed);
    this.uploads.push(upload);
    this.pump();
    return upload;
  }

  /**
   * Go on with an unfinished transfer, whoever began it.
   * @param {Transfer} transfer
   * @param {File} file
   * @returns {Promise<Upload>}
   * @throws {api.ApiError} when it is another file
   */
  async resume(transfer, file) {
    if (!isPaused(transfer.phase)) {
      // Its page is gone and the server does not know yet. Paused by somebody meanwhile is as good.
      await api.post(`/transfers/${transfer.id}/pause`).catch((error) => {
        if (error.code !== "not-allowed") throw error;
      });
    }
    const next = await resume(transfer, file, world);
    this.uploads = this.uploads.filter((upload) => upload.transfer?.id !== transfer.id);
    const upload = new Upload(file, null, next, this.changed);
    this.uploads.push(upload);
    this.pump(upload);
    return upload;
  }

  /**
   * @param {Upload} [first] goes at once: the server already waits for its bytes
   */
  pump(first) {
    const waiting = this.uploads.filter((upload) => upload.stage === "queued" && upload !== first);
    let free = PARALLEL - this.uploads.filter((upload) => upload.running).length;
    for (const upload of first ? [first, ...waiting] : waiting) {
      if (free <= 0 && upload !== first) break;
      free -= 1;
      upload.run().finally(() => this.pump());
    }
    this.changed();
  }

  /**
   * Remove the transfer, here and on the server.
   * @param {string} key of the upload, or id of the transfer
   */
  async cancel(key) {
    const upload = this.uploads.find((one) => one.key === key || one.transfer?.id === key);
    const id = upload ? upload.transfer?.id : key;
    if (upload?.stage === "queued") this.forget(upload);
    if (id) await api.post(`/transfers/${id}/cancel`);
    upload?.sender?.stop(new Stop("cancelled"));
    if (upload?.stage === "ended") this.forget(upload);
    this.changed();
  }

  /** @param {Upload} upload */
  forget(upload) {
    this.uploads = this.uploads.filter((one) => one !== upload);
    this.changed();
  }

  /** Drop what ended and has nothing left to say. */
  tidy() {
    this.uploads = this.uploads.filter((upload) => upload.stage !== "ended" || (upload.problem && upload.transfer && isPaused(upload.transfer.phase)));
    this.changed();
  }
}

export const queue = new Queue();
