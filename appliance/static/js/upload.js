/** One file's way from this browser to the host: begun, sent, checked, and how it ended. */

import * as api from "./api.js";
import { claim } from "./claims.js";
import { Unreadable } from "./hasher.js";
import * as memory from "./memory.js";
import { isOver } from "./phase.js";
import { fingerprint } from "./proof.js";
import { merge } from "./ranges.js";
import { Sender } from "./sender.js";
import { serial } from "./serial.js";
import { Stop } from "./stop.js";
import { texts } from "./texts.js";
import { world } from "./world.js";

/** @typedef {import("./types").Transfer} Transfer */
/** @typedef {import("./types").Order} Order */
/** @typedef {Omit<Order, "fingerprint" | "client" | "size"> & {domainName: string}} Wish what the person chose in the dialog */

/** Times that finalize may find bytes missing, and send them, before it is called a failure. */
const ROUNDS = 5;

export class Upload {
  /**
   * @param {File} file
   * @param {Wish | null} wish null when an existing transfer goes on
   * @param {Transfer | null} transfer
   * @param {() => void} changed
   */
  constructor(file, wish, transfer, changed) {
    // The same row tells the story on when an unfinished transfer is resumed here.
    this.key = transfer?.id ?? serial("here");
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
    if (this.stage === "sending" && this.progress?.mood) return this.progress.mood;
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

  /** How the sending gets on; null while nothing is sent. */
  get progress() {
    return this.sender?.progress ?? null;
  }

  /** What the bar shows: as far as this browser knows, which is more than the server tells. */
  get bar() {
    const plan = this.sender?.plan;
    return { size: this.file.size, durable: plan?.durable ?? this.transfer?.durable ?? [], sent: merge(this.progress?.sent ?? []), zeros: plan?.zeros ?? [] };
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
            await sender.standing.ready();
          } catch (stop) {
            // Finalized already: the answer to an earlier try was lost on its way.
            if (attempt > 0 && stop instanceof Stop && stop.kind === "over") return true;
            throw stop;
          }
          return false;
        }
        if (!error.passing) throw error;
        await sender.patience.linger(attempt, error.retryAfter, texts.waiting.unreachable);
      }
    }
  }

  /** Follow the host's check to its end. */
  async watch() {
    const { id } = /** @type {Transfer} */ (this.transfer);
    const never = new AbortController().signal;
    for (let attempt = 0; this.transfer && !isOver(this.transfer.phase); ) {
      await world.sleep(attempt ? Math.min(10, attempt) : 0.7, never);
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
    else if (error instanceof Unreadable) this.problem = texts.stop.changed(this.file.name);
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
