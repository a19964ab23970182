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

export class Field {
  /**
   * @param {string} label
   * @param {HTMLInputElement} control
   * @param {string} about
   * @param {(value: string) => string} flaw of what is in it; empty when it is sound
   */
  constructor(label, control, about, flaw) {
    this.control = control;
    this.flaw = flaw;
    this.wrong = h("p", { class: "wrong", id: `${control.id}-wrong` });
    const told = about ? h("p", { class: "small quiet", id: `${control.id}-about` }, about) : null;
    attr(control, "aria-describedby", [told?.id, this.wrong.id].filter(Boolean).join(" "));
    this.el = h("div", { class: "field" }, h("label", { for: control.id }, label), told, control, this.wrong);
    control.addEventListener("input", () => this.wrong.textContent && this.judge());
  }

  get value() {
    return this.control.value.trim();
  }

  /** Whether it is sound; says so beside it if not. */
  judge() {
    const flaw = this.flaw(this.value);
    say(this.wrong, flaw);
    attr(this.control, "aria-invalid", flaw ? "true" : null);
    return !flaw;
  }
}
