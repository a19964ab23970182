/** Images of this computer, as the upload dialog takes them: nothing is sent before everything is known to fit. */

import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { size } from "../units.js";
import { chooser } from "./chooser.js";
import { h, keyed } from "./dom.js";
import { Pick } from "./pick.js";

/** @typedef {import("../types").Domain} Domain */

export class FilesPanel {
  /**
   * @param {string | null} preferred domain
   * @param {(note?: string) => void} changed
   */
  constructor(preferred, changed) {
    this.preferred = preferred;
    this.changed = changed;
    /** @type {Domain[]} */
    this.domains = [];
    /** @type {Pick[]} */
    this.picks = [];
    this.list = h("div", { class: "section" });
    this.large = chooser({ multiple: true, slim: false, words: texts.upload.drop, onfiles: (files) => this.add(files) });
    this.slim = chooser({ multiple: true, slim: true, words: texts.upload.another, onfiles: (files) => this.add(files) });
    this.el = h("div", { class: "panel" }, this.large.el, this.list, this.slim.el);
    this.draw();
  }

  /** @param {File[]} files */
  add(files) {
    let said;
    for (const file of files) {
      const twice = this.picks.some((pick) => pick.file.name === file.name && pick.file.size === file.size && pick.file.lastModified === file.lastModified);
      if (twice) {
        said = texts.upload.twice;
        continue;
      }
      const pick = new Pick(file, this.preferred, () => this.update(), () => this.drop(pick));
      this.picks.push(pick);
      pick.offer(this.domains);
    }
    const first = this.picks.length === files.length;
    this.update(said);
    if (!first || !files.length) return;
    const { name } = this.picks[0];
    name.focus({ preventScroll: true });
    name.setSelectionRange(name.value.length, name.value.length);
  }

  /** @param {Pick} pick */
  drop(pick) {
    this.picks = this.picks.filter((one) => one !== pick);
    pick.leave();
    this.update();
    this.focus();
  }

  /** @param {Domain[]} domains */
  offer(domains) {
    this.domains = domains;
    for (const pick of this.picks) pick.offer(domains);
  }

  focus() {
    (this.picks.length ? this.slim : this.large).input.focus();
  }

  /** @param {string} [said] */
  update(said) {
    this.draw();
    this.changed(said);
  }

  draw() {
    keyed(this.list, this.picks, (pick) => pick.key, (pick) => ({ el: pick.el, update: () => {} }));
    const some = this.picks.length > 0;
    this.list.hidden = !some;
    this.large.el.hidden = some;
    this.slim.el.hidden = !some;
    for (const pick of this.picks) pick.clash(this.picks.some((one) => one !== pick && one.sameTarget(pick)));
  }

  get good() {
    return this.picks.filter((pick) => !pick.refused);
  }

  get ready() {
    const { good } = this;
    return good.length > 0 && good.every((pick) => pick.ready);
  }

  get verb() {
    return texts.upload.go(this.good.length);
  }

  get note() {
    const { good } = this;
    const flawed = good.filter((pick) => pick.flawed).length;
    if (flawed > 0) return texts.upload.correct(flawed, good.length);
    if (good.length > 1) return texts.upload.several(good.length, size(good.reduce((sum, pick) => sum + pick.file.size, 0)));
    const domain = good[0]?.target;
    return domain ? texts.upload.needs(size(good[0].file.size), size(domain.available)) : "";
  }

  /** Sends what is sound; answers the key of the first one's row. */
  async go() {
    return this.good.map((pick) => queue.add(pick.file, pick.wish()))[0].key;
  }

  leave() {
    for (const pick of this.picks) pick.leave();
  }
}
