/** The imports that this page began, followed to their end. The appliance moves their bytes: nothing is lost with the page. */

import { isOver } from "./phase.js";
import { watch } from "./poll.js";

/** @typedef {import("./types").Transfer} Transfer */

class Begun {
  constructor() {
    /** @type {Transfer[]} */
    this.transfers = [];
    /** @type {Map<string, () => void>} */
    this.watches = new Map();
    /** @type {Set<() => void>} */
    this.listeners = new Set();
  }

  /**
   * @param {() => void} listener
   * @returns {() => void} ends it
   */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed() {
    for (const listener of [...this.listeners]) listener();
  }

  /** @param {Transfer} transfer */
  add(transfer) {
    const { id } = transfer;
    this.transfers.push(transfer);
    this.changed();
    this.watches.set(id, watch(`/transfers/${id}`, (/** @type {Transfer} */ now) => {
      this.transfers = this.transfers.map((one) => (one.id === id ? now : one));
      if (isOver(now.phase)) this.leave(id);
      this.changed();
    }, (error) => error?.status === 404 && this.forget(id)));
  }

  /** @param {string} id of one whose story is told */
  leave(id) {
    this.watches.get(id)?.();
    this.watches.delete(id);
  }

  /** @param {string} id */
  forget(id) {
    this.leave(id);
    this.transfers = this.transfers.filter((one) => one.id !== id);
    this.changed();
  }

  /** Bytes a second of all of them together. */
  get speed() {
    return this.transfers.reduce((sum, { phase, import: source }) => sum + (phase === "transferring" ? source?.rate ?? 0 : 0), 0);
  }

  /** Drop what is over. */
  tidy() {
    this.transfers = this.transfers.filter(({ phase }) => !isOver(phase));
    this.changed();
  }
}

export const begun = new Begun();
