/** A field with its label, a word about it, and what is wrong with it. */

import { attr, h, say } from "./dom.js";

/**
 * A field of one line that no browser fills in or corrects; `test` is its id, too.
 * @param {string} test
 * @param {Record<string, any>} [attributes]
 */
export function input(test, attributes = {}) {
  return h("input", { class: "input", id: test, test, autocomplete: "off", autocapitalize: "none", spellcheck: "false", ...attributes });
}

/**
 * A box to tick, with its label and a word about it.
 * @param {string} test
 * @param {string} word
 * @param {string} about
 * @param {() => void} changed
 * @param {string} [id]
 */
export function tick(test, word, about, changed, id = test) {
  const box = h("input", { type: "checkbox", id, test, onchange: changed, "aria-describedby": about ? `${id}-about` : null });
  const label = h("label", { for: id }, word);
  return { box, label, el: h("div", { class: "tick" }, box, label, about ? h("p", { class: "small quiet", id: `${id}-about` }, about) : null) };
}

export class Field {
  /**
   * @param {string} label
   * @param {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} control
   * @param {string} about
   * @param {(value: string) => string} flaw of what is in it; empty when it is sound
   */
  constructor(label, control, about, flaw) {
    this.control = control;
    this.flaw = flaw;
    /** What the server has against it as it is. */
    this.refused = "";
    this.wrong = h("p", { class: "wrong", id: `${control.id}-wrong` });
    this.about = h("p", { class: "small quiet", id: `${control.id}-about`, hidden: !about }, about);
    attr(control, "aria-describedby", `${this.about.id} ${this.wrong.id}`);
    this.el = h("div", { class: "field" }, h("label", { for: control.id }, label), this.about, control, this.wrong);
    control.addEventListener("input", () => {
      this.refused = "";
      if (this.wrong.textContent) this.judge();
    });
  }

  get value() {
    return this.control.value.trim();
  }

  /** Whether it is sound; says so beside it if not. */
  judge() {
    const flaw = this.flaw(this.value);
    this.tell(flaw || this.refused);
    return !flaw;
  }

  /** @param {string} why the server does not take what is in it; empty when it does */
  refuse(why) {
    this.refused = why;
    this.judge();
  }

  /** @param {string} wrong */
  tell(wrong) {
    say(this.wrong, wrong);
    attr(this.control, "aria-invalid", wrong ? "true" : null);
  }
}
