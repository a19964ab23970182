/** All uploads of this page: two at a time, more may be added while they run. Lives as long as the page, whatever is shown on it. */

import * as api from "./api.js";
import { isPaused } from "./phase.js";
import { resume } from "./proof.js";
import { Stop } from "./stop.js";
import { Upload } from "./upload.js";
import { world } from "./world.js";

/** @typedef {import("./types").Transfer} Transfer */

const PARALLEL = 2;

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

  /** Bytes a second of all uploads together. */
  get speed() {
    return this.uploads.reduce((sum, { progress }) => sum + (progress?.speed ?? 0), 0);
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
   * @param {import("./upload.js").Wish} wish
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
