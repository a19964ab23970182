/** What becomes of a file that was found at a URL: its name, its place, what is checked, and when it begins. */

import { flaw as digestFlaw } from "../digest.js";
import * as imports from "../imports.js";
import * as names from "../names.js";
import { texts } from "../texts.js";
import { size } from "../units.js";
import { h } from "./dom.js";
import { DomainField } from "./domain-field.js";
import { Field, input } from "./field.js";
import { problemSlot } from "./problem.js";

/** @typedef {import("../types").Found} Found */

const words = texts.imports;

export class UrlWish {
  /**
   * @param {string | null} preferred domain
   * @param {{changed: () => void, find: () => void}} news something was changed; whether a checksum is looked for
   */
  constructor(preferred, { changed, find }) {
    this.seen = h("dl", { class: "seen", test: "facts" });
    this.name = new Field(texts.upload.name, input("name", { id: "import-name" }), "", (value) => {
      const flaw = names.flaw(value);
      return flaw ? texts.name[flaw] : "";
    });
    this.domain = new DomainField("import-domain", preferred, changed);
    this.find = tick("find-checksum", words.find, words.findAbout, find);
    this.sum = new Field(texts.upload.sha256, input("sha256", { id: "import-sha", class: "input mono", placeholder: texts.upload.sha256Place }), words.sumAbout, digestFlaw);
    this.sumProblem = problemSlot();
    this.sum.control.addEventListener("input", () => this.sumProblem.show(null));
    this.start = new Field(words.start, input("not-before", { type: "datetime-local" }), words.startAbout, (value) => imports.startFlaw(value));
    this.problem = problemSlot();
    this.el = h("section", { class: "pick", test: "found", hidden: true, "aria-label": words.becomes, oninput: changed }, this.seen, h("div", { class: "two" }, this.name.el, this.domain.el),
      this.find.el, this.sum.el, this.sumProblem.el, this.start.el, this.problem.el);
  }

  /** @returns {import("../imports.js").Wish} */
  get given() {
    return { name: this.name.value, domain: this.domain.value, checksum: this.sum.control.disabled ? "" : this.sum.value, start: this.start.value };
  }

  get fields() {
    return [this.name, this.sum, this.start];
  }

  /** What this page can judge alone; shows it beside the fields. */
  get sound() {
    return this.fields.filter((field) => !field.judge()).length === 0 && this.domain.value !== "";
  }

  /** @param {Found} found */
  note(found) {
    if (!this.problem.el.hidden || this.fields.some(({ wrong }) => wrong.textContent)) return words.correct;
    const needed = imports.unpackedSize(found);
    return this.domain.target ? words.needs(needed === null ? "" : size(needed), size(this.domain.target.available)) : "";
  }

  /** @param {Found} found @param {boolean} first and not once more, for its checksum */
  tell(found, first) {
    this.seen.replaceChildren(...imports.facts(found).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
    this.el.hidden = false;
    if (found.checksum) this.sum.control.value = found.checksum;
    if (!first) return;
    this.name.control.value = names.suggest(found.name);
    this.name.control.focus();
  }

  /** @param {Found} found @param {import("../types").Domain[]} domains */
  offer({ format }, domains) {
    if (!this.domain.offer(domains, format)) this.problem.show({ title: words.fits(texts.format[format] ?? format) });
  }

  /** The checksum beside the file is taken in place of one that is written here. */
  choose() {
    this.sumProblem.show(null);
    const { control } = this.sum;
    if (control.disabled !== this.find.box.checked) control.value = "";
    control.disabled = this.find.box.checked;
  }

  /** @param {import("./problem.js").Problem} problem that there is with the checksum */
  refuseSum(problem) {
    this.find.box.checked = false;
    this.choose();
    this.sumProblem.show(problem);
    this.sum.control.focus();
  }
}

/**
 * A box to tick, with its label and a word about it.
 * @param {string} test
 * @param {string} word
 * @param {string} about
 * @param {() => void} changed
 */
function tick(test, word, about, changed) {
  const box = h("input", { type: "checkbox", id: test, test, onchange: changed, "aria-describedby": about ? `${test}-about` : null });
  const label = h("label", { for: test }, word);
  return { box, label, el: h("div", { class: "tick" }, box, label, about ? h("p", { class: "small quiet", id: `${test}-about` }, about) : null) };
}
