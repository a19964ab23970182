/** What becomes of a file that was found at a URL: its name, its place and form, what is checked, and when it begins. */

import { flaw as digestFlaw } from "../digest.js";
import * as imports from "../imports.js";
import * as names from "../names.js";
import * as storing from "../storing.js";
import { texts } from "../texts.js";
import { size } from "../units.js";
import { h, say } from "./dom.js";
import { DomainField } from "./domain-field.js";
import { Field, input, tick } from "./field.js";
import { problemSlot } from "./problem.js";

/** @typedef {import("../types").Found} Found */
/** @typedef {import("../storing.js").Form} Form */

const words = texts.imports;

export class UrlWish {
  /**
   * @param {string | null} preferred domain
   * @param {{changed: () => void, find: () => void, reform: () => void}} news something was changed; whether a checksum is looked for; the form
   */
  constructor(preferred, { changed, find, reform }) {
    this.seen = h("dl", { class: "seen", test: "facts" });
    this.name = new Field(texts.upload.name, input("name", { id: "import-name" }), "", (value) => {
      const flaw = names.flaw(value);
      return flaw ? texts.name[flaw] : "";
    });
    this.domain = new DomainField("import-domain", preferred, changed);
    /** The name that this page proposed. */
    this.suggested = "";
    /** @type {Form[]} */
    this.forms = [];
    this.form = new Field(texts.storing.label, h("select", { class: "input", id: "store-as", test: "store-as", onchange: reform }), texts.storing.untouched, () => (this.chosen ? storing.formFlaw(this.chosen, this.domain.target) : ""));
    this.find = tick("find-checksum", words.find, words.findAbout, find);
    this.sum = new Field(texts.upload.sha256, input("sha256", { id: "import-sha", class: "input mono", placeholder: texts.upload.sha256Place }), words.sumAbout, digestFlaw);
    this.sumProblem = problemSlot();
    this.sum.control.addEventListener("input", () => this.sumProblem.show(null));
    this.start = new Field(words.start, input("not-before", { type: "datetime-local" }), words.startAbout, (value) => imports.startFlaw(value));
    this.tags = new Field(texts.storing.tags, input("tags", { placeholder: texts.storing.tagsPlace }), texts.storing.tagsAbout, storing.tagsFlaw);
    const lines = h("textarea", { class: "input mono", id: "properties", test: "properties", rows: 3, autocomplete: "off", autocapitalize: "none", spellcheck: "false", placeholder: texts.storing.propertiesPlace });
    this.properties = new Field(texts.storing.properties, lines, texts.storing.propertiesAbout, storing.propertiesFlaw);
    this.more = h("details", { test: "more-details" }, h("summary", {}, texts.storing.more), h("div", { class: "section" }, this.tags.el, this.properties.el));
    this.problem = problemSlot();
    this.el = h("section", { class: "pick", test: "found", hidden: true, "aria-label": words.becomes, oninput: changed }, this.seen, h("div", { class: "two" }, this.name.el, this.domain.el, this.form.el, this.start.el),
      this.find.el, this.sum.el, this.sumProblem.el, this.more, this.problem.el);
  }

  /** The form that the image will be kept in. @returns {Form} */
  get chosen() {
    return this.forms.find(({ key }) => key === this.form.control.value) ?? this.forms[0];
  }

  /** @returns {import("../imports.js").Wish} */
  get given() {
    return {
      name: this.name.value, domain: this.domain.value, checksum: this.sum.control.disabled ? "" : this.sum.value, start: this.start.value,
      form: this.chosen, tags: this.tags.value, properties: this.properties.value,
    };
  }

  /** The fields, as errors of the server name them. @returns {Record<string, Field>} */
  get fields() {
    return { name: this.name, format: this.form, compressed: this.form, checksum: this.sum, not_before: this.start, tags: this.tags, properties: this.properties };
  }

  /** What this page can judge alone; shows it beside the fields. */
  get sound() {
    const flawed = Object.values(this.fields).filter((field) => !field.judge());
    return flawed.length === 0 && this.domain.value !== "";
  }

  /** @param {Found} found */
  note(found) {
    if (!this.problem.el.hidden || Object.values(this.fields).some(({ wrong }) => wrong.textContent)) return words.correct;
    if (!this.domain.target) return "";
    const needed = imports.unpackedSize(found);
    return (this.chosen.converts ? words.needsBoth : words.needs)(needed === null ? "" : size(needed), size(this.domain.target.available));
  }

  /**
   * @param {Found} found
   * @param {Form[]} forms at least one, in which it can be kept
   * @param {boolean} first and not once more, for its checksum
   */
  tell(found, forms, first) {
    this.seen.replaceChildren(...imports.facts(found).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
    this.el.hidden = false;
    if (found.checksum) this.sum.control.value = found.checksum;
    if (!first) return;
    this.forms = forms;
    this.form.control.replaceChildren(...forms.map(({ key, word }) => h("option", { value: key }, word)));
    this.suggested = this.name.control.value = this.suggest(found);
    this.name.control.focus();
  }

  /** @param {Found} found */
  suggest(found) {
    return storing.named(names.suggest(found.name), this.chosen);
  }

  /** The form was chosen: a name that nobody has changed goes with it. @param {Found} found */
  rename(found) {
    if (this.name.control.value === this.suggested) this.suggested = this.name.control.value = this.suggest(found);
  }

  /** The storage domains that take it in the form that is chosen. @param {Found} found @param {import("../types").Domain[]} domains */
  offer({ format }, domains) {
    say(this.form.about, storing.about(this.chosen));
    const kept = storing.kept(format, this.chosen);
    if (!this.domain.offer(domains, kept)) this.problem.show({ title: words.fits(texts.format[kept] ?? kept) });
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

  /**
   * What the server does not take: beside the fields that it is about, else below them all.
   * @param {import("./problem.js").Problem | import("../api.js").ApiError | null} problem null when it takes everything
   * @param {boolean} [go] to the first of these fields
   */
  refuse(problem, go = false) {
    const about = problem && "code" in problem ? storing.blamed(problem).filter(([name]) => name in this.fields) : [];
    for (const field of Object.values(this.fields)) field.refuse("");
    for (const [name, why] of about) this.fields[name].refuse(why);
    this.problem.show(about.length ? null : problem);
    if (this.tags.refused || this.properties.refused) this.more.open = true;
    if (go && about.length) this.fields[about[0][0]].control.focus();
  }
}
