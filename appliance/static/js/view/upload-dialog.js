/** Choose images, see what they are, say where they go: nothing is sent before everything is known to fit. */

import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { size } from "../units.js";
import { watch } from "../poll.js";
import { chooser } from "./chooser.js";
import { dialog } from "./confirm.js";
import { button, h, keyed, say } from "./dom.js";
import { Pick } from "./pick.js";

/** @typedef {import("../types").Domain} Domain */

/** The dialog that is open, if any. @type {UploadDialog | null} */
let current = null;

/**
 * Open it, or add to the one that is open.
 * @param {File[]} files
 * @param {string | null} domain id to go to
 */
export function open(files, domain = null) {
  current ??= new UploadDialog(domain);
  current.add(files);
}

class UploadDialog {
  /** @param {string | null} domain */
  constructor(domain) {
    this.preferred = domain;
    /** @type {Domain[]} */
    this.domains = [];
    /** @type {Pick[]} */
    this.picks = [];
    this.busy = false;
    this.list = h("div", { class: "section" });
    this.large = chooser({ multiple: true, slim: false, words: texts.upload.drop, onfiles: (files) => this.add(files) });
    this.slim = chooser({ multiple: true, slim: true, words: texts.upload.another, onfiles: (files) => this.add(files) });
    this.note = h("span", { class: "grow", role: "status" });
    this.submit = button(texts.upload.go(1), "", { class: "primary", type: "submit", test: "submit", disabled: true });
    const back = button(texts.verb.cancel, "", { test: "back", onclick: () => this.element.close() });
    const { element, form } = dialog(texts.upload.title, h("div", { class: "dialog-body" }, this.large.el, this.list, this.slim.el), h("div", { class: "dialog-foot" }, this.note, back, this.submit));
    this.element = element;
    element.setAttribute("data-test", "upload-dialog");
    const leave = watch("/domains", ({ items }) => {
      this.domains = items;
      for (const pick of this.picks) pick.offer(items);
      this.update();
    });
    element.addEventListener("close", () => {
      leave();
      current = null;
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go();
    });
    this.large.input.focus();
  }

  /** @param {File[]} files */
  add(files) {
    for (const file of files) {
      const twice = this.picks.some((pick) => pick.file.name === file.name && pick.file.size === file.size && pick.file.lastModified === file.lastModified);
      if (twice) {
        say(this.note, texts.upload.twice);
        continue;
      }
      const pick = new Pick(file, this.preferred, () => this.update(), () => this.drop(pick));
      this.picks.push(pick);
      pick.offer(this.domains);
    }
    const first = this.picks.length === files.length;
    this.update();
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
    (this.picks.length ? this.slim : this.large).input.focus();
  }

  update() {
    keyed(this.list, this.picks, (pick) => pick.key, (pick) => ({ el: pick.el, update: () => {} }));
    const some = this.picks.length > 0;
    this.list.hidden = !some;
    this.large.el.hidden = some;
    this.slim.el.hidden = !some;
    for (const pick of this.picks) pick.clash(this.picks.some((one) => one !== pick && one.sameTarget(pick)));
    const good = this.picks.filter((pick) => !pick.refused);
    this.submit.disabled = this.busy || good.length === 0 || !good.every((pick) => pick.ready);
    say(this.submit, texts.upload.go(good.length));
    const domain = good[0]?.target;
    const flawed = good.filter((pick) => pick.flawed).length;
    if (flawed > 0) say(this.note, texts.upload.correct(flawed, good.length));
    else if (good.length === 1 && domain) say(this.note, texts.upload.needs(size(good[0].file.size), size(domain.available)));
    else if (good.length > 1) say(this.note, texts.upload.several(good.length, size(good.reduce((sum, pick) => sum + pick.file.size, 0))));
    else if (!some) say(this.note, "");
  }

  go() {
    if (this.submit.disabled) return;
    // A second press of the button finds it gone.
    this.busy = true;
    this.update();
    const uploads = this.picks.filter((pick) => !pick.refused).map((pick) => queue.add(pick.file, pick.wish()));
    this.element.close();
    focusRow(uploads[0].key);
  }
}

/**
 * The focus goes where the story goes on, as soon as there is a row.
 * @param {string} key
 */
function focusRow(key) {
  let tries = 20;
  const look = () => {
    const row = document.querySelector(`[data-key="${key}"]`);
    tries -= 1;
    if (row instanceof HTMLElement) row.focus();
    else if (tries > 0) setTimeout(look, 50);
  };
  setTimeout(look, 50);
}
