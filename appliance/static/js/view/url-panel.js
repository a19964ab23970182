/** An image from a URL, which the appliance fetches itself: its source is asked first, then it is said what becomes of it. */

import { ApiError, post } from "../api.js";
import { begun } from "../begun.js";
import * as imports from "../imports.js";
import { watch } from "../poll.js";
import { forms } from "../storing.js";
import { texts } from "../texts.js";
import { Consent } from "./consent.js";
import { h } from "./dom.js";
import { UrlPlace } from "./url-place.js";
import { UrlWish } from "./url-wish.js";

/** @typedef {import("../types").Domain} Domain */
/** @typedef {import("../types").Found} Found */

/** Seconds that a source may take to answer, and to be searched for a checksum. */
const PATIENCE = 180;
/** Errors that are about the checksum. */
const SUMS = ["no-checksum", "bad-checksum"];

export class UrlPanel {
  /**
   * @param {string | null} preferred domain
   * @param {() => void} changed
   */
  constructor(preferred, changed) {
    this.changed = changed;
    /** @type {Found | null} */
    this.found = null;
    /** @type {Domain[]} */
    this.domains = [];
    /** The question that is under way. @type {AbortController | null} */
    this.asking = null;
    this.place = new UrlPlace(() => this.ask(), () => this.forget());
    this.wish = new UrlWish(preferred, { changed: () => this.consent.seek(), find: () => this.ask(false), reform: () => this.reform() });
    this.consent = new Consent(() => (this.found && this.wish.sound ? imports.check(this.found, this.wish.given) : null), (problem) => this.wish.refuse(problem), changed);
    this.el = h("div", { class: "panel", test: "url-panel" }, this.place.el, this.wish.el);
    this.stop = watch("/imports/methods", (methods) => this.place.know(methods));
  }

  get where() {
    return { ...this.place.given, find: this.wish.find.box.checked };
  }

  get ready() {
    return this.found !== null && this.asking === null && this.consent.given;
  }

  get verb() {
    return texts.imports.go;
  }

  get note() {
    if (this.asking) return texts.imports.asking(this.place.server);
    return this.found ? this.wish.note(this.found) : texts.imports.first;
  }

  focus() {
    this.place.url.control.focus();
  }

  /** @param {Domain[]} domains */
  offer(domains) {
    this.domains = domains;
    if (!this.found) return;
    this.wish.offer(this.found, domains);
    this.consent.seek();
  }

  /** It is to be kept in another form. */
  reform() {
    if (!this.found) return;
    this.wish.rename(this.found);
    this.offer(this.domains);
  }

  /** What was found is not what the fields say any more. */
  forget() {
    this.asking?.abort();
    this.asking = null;
    this.place.wait(false);
    this.found = null;
    this.wish.el.hidden = true;
    this.place.show(null);
    this.changed();
  }

  /** @param {boolean} [anew] and not once more, for the checksum of what was found */
  async ask(anew = true) {
    this.wish.choose();
    if (!this.place.judge()) return;
    if (anew) this.forget();
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    this.place.wait(true);
    this.changed();
    try {
      const found = await post("/imports/query", imports.query(this.where), { signal: asking.signal, timeout: PATIENCE });
      this.asking = null;
      const flaw = imports.formatFlaw(found, this.place.methods);
      if (flaw) this.refuse({ title: flaw });
      else this.tell(found, anew);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.asking = null;
      if (!this.refusedSum(error)) this.refuse(problemOf(error));
    }
    this.place.wait(false);
    this.changed();
  }

  /** @param {Found} found @param {boolean} first and not once more, for its checksum */
  tell(found, first) {
    this.found = found;
    this.wish.tell(found, forms(found.format, this.place.methods.targets), first);
    this.offer(this.domains);
  }

  /** Nothing there can be imported. @param {import("./problem.js").Problem} problem */
  refuse(problem) {
    this.forget();
    this.place.show(problem);
  }

  /** Begins the import; answers the key of its row, "" when the server does not take it. */
  async go() {
    try {
      const transfer = await post("/imports", imports.order(this.where, this.wish.given), { timeout: PATIENCE });
      begun.add(transfer);
      return transfer.id;
    } catch (error) {
      if (!this.refusedSum(error)) this.wish.refuse(problemOf(error), true);
      return "";
    }
  }

  /** Whether the error is about the checksum, and was told beside it. @param {unknown} error */
  refusedSum(error) {
    if (!(error instanceof ApiError && SUMS.includes(error.code))) return false;
    this.wish.refuseSum(error);
    return true;
  }

  leave() {
    this.stop();
    this.asking?.abort();
    this.consent.leave();
  }
}

/** @param {unknown} error */
function problemOf(error) {
  return error instanceof ApiError ? error : { detail: String(error) };
}
