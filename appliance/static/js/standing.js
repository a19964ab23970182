/** How a transfer stands with the server: whether it takes bytes now, and what to do until it does. */

import { ApiError } from "./api.js";
import { resume } from "./proof.js";
import { Stop } from "./stop.js";
import { texts } from "./texts.js";

/** @typedef {import("./types").Transfer} Transfer */

export class Standing {
  /**
   * @param {Transfer} transfer
   * @param {File} file
   * @param {import("./types").World} world
   * @param {import("./patience.js").Patience} patience
   * @param {(transfer: Transfer) => void} told called with each answer of the server
   */
  constructor(transfer, file, world, patience, told) {
    this.transfer = transfer;
    this.file = file;
    this.world = world;
    this.patience = patience;
    this.signal = patience.signal;
    this.told = told;
  }

  /** Wait until the transfer takes bytes; resume it where the system had paused it. */
  async ready() {
    for (let attempt = 0; ; attempt += 1) {
      try {
        this.transfer = await this.world.api.get(`/transfers/${this.transfer.id}`, { signal: this.signal });
        this.told(this.transfer);
        const { phase } = this.transfer;
        if (phase === "transferring") return;
        halt(phase);
        if (phase.startsWith("fin")) throw new Stop("over");
        if (phase === "paused_system") await this.#resume(attempt);
        else await this.world.sleep(Math.min(2, 0.2 * (attempt + 1)), this.signal);
      } catch (error) {
        this.signal.throwIfAborted();
        await this.patience.bear(error, attempt);
      }
    }
  }

  /** Tell the server that somebody is here. Throws Stop when somebody ended or paused it. */
  async heartbeat() {
    const { phase } = await this.world.api.post(`/transfers/${this.transfer.id}/heartbeat`, undefined, { signal: this.signal });
    halt(phase);
  }

  /** @param {number} attempt */
  async #resume(attempt) {
    const { reason, reason_code: code } = this.transfer;
    if (code === "no-space") throw new Stop("no-space", texts.stop.noSpace(reason ?? ""));
    // The system's pauses mend themselves: the host comes back, the line comes back. Ask again, ever more rarely.
    if (attempt > 0) await this.patience.linger(attempt, null, reason ?? texts.waiting.host);
    try {
      await resume(this.transfer, this.file, this.world, this.signal);
    } catch (error) {
      if (error instanceof ApiError && error.code === "different-file") throw new Stop("different-file", error);
      // Somebody else was quicker, or the phase moved on: look again.
      if (!(error instanceof ApiError && error.code === "not-allowed")) throw error;
    }
  }
}

/** Stops where a person, here or elsewhere, wanted it to stop. @param {string} phase */
function halt(phase) {
  if (phase === "paused_user") throw new Stop("paused");
  if (phase.startsWith("cancelled") || phase === "finished_cleanup") throw new Stop("cancelled");
}
