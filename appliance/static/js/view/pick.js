/** One chosen file in the upload dialog: what it is, what it shall be called, where it goes. */

import { digest, flaw as digestFlaw } from "../digest.js";
import * as names from "../names.js";
import { queue } from "../queue.js";
import { serial } from "../serial.js";
import { inspect, Refused } from "../source.js";
import { texts } from "../texts.js";
import { day, exact, size } from "../units.js";
import { Consent } from "./consent.js";
import { attr, button, h, icon, say } from "./dom.js";
import { DomainField } from "./domain-field.js";
import { problemSlot } from "./problem.js";

/** @typedef {import("../types").Domain} Domain */
/** @typedef {import("../types").Facts} Facts */

export class Pick {
  /**
   * @param {File} file
   * @param {string | null} preferred domain
   * @param {() => void} changed
   * @param {() => void} remove
   */
  constructor(file, preferred, changed, remove) {
    this.key = serial("pick");
    this.file = file;
    this.changed = changed;
    /** @type {Facts | null} */
    this.facts = null;
    this.refused = false;
    this.clashes = false;
    /** @type {Domain[]} */
    this.domains = [];
    const id = this.key;
    this.symbol = h("span", { class: "quiet" }, icon("data"));
    this.name = h("input", { class: "input", id: `${id}-name`, value: names.suggest(file.name), test: "name", autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-name-wrong`, oninput: () => this.consent.seek() });
    this.nameWrong = h("p", { class: "wrong", id: `${id}-name-wrong` });
    this.domain = new DomainField(`${id}-domain`, preferred, () => this.consent.seek());
    this.sha = h("input", { class: "input mono", id: `${id}-sha`, test: "sha256", autocomplete: "off", autocapitalize: "none", spellcheck: "false", placeholder: texts.upload.sha256Place, "aria-describedby": `${id}-sha-about ${id}-sha-wrong`, oninput: () => this.consent.seek() });
    this.shaWrong = h("p", { class: "wrong", id: `${id}-sha-wrong` });
    this.space = h("select", { class: "input", id: `${id}-space`, test: "allocation", onchange: () => this.consent.seek() },
      h("option", { value: "sparse" }, texts.upload.sparse), h("option", { value: "preallocated" }, texts.upload.preallocated));
    this.spaceField = h("div", { class: "field", hidden: true }, h("label", { for: this.space.id }, texts.upload.space), this.space);
    this.seen = h("dl", { class: "seen", test: "facts" });
    this.warning = h("p", { class: "notice warning", hidden: true }, icon("warning"), h("span", {}));
    this.problem = problemSlot();
    this.consent = new Consent(() => (this.judge() ? { ...this.order(), client: "browser" } : null), (problem) => this.problem.show(problem), changed);
    this.fields = h("div", { class: "section" },
      h("div", { class: "two" },
        h("div", { class: "field" }, h("label", { for: this.name.id }, texts.upload.name), this.name, this.nameWrong), this.domain.el),
      h("div", { class: "field" }, h("label", { for: this.sha.id }, texts.upload.sha256), h("p", { class: "small quiet", id: `${id}-sha-about` }, texts.upload.sha256About), this.sha, this.shaWrong),
      this.spaceField);
    this.head = h("div", { class: "pick-head" }, icon("data"),
      h("div", { class: "grow" }, h("div", { class: "cut", title: file.name }, h("strong", {}, file.name)),
        h("div", { class: "small quiet", title: exact(file.lastModified) }, `${size(file.size)} · ${texts.upload.changed(day(file.lastModified))}`)),
      button(texts.verb.remove, "close", { class: "bare", "aria-label": `${texts.verb.remove} ${file.name}`, test: "remove", onclick: remove }));
    this.el = h("section", { class: "pick", test: "pick", "aria-label": file.name }, this.head, this.seen, this.warning, this.problem.el, this.fields);
    say(this.seen, texts.upload.looking);
    this.look();
  }

  async look() {
    const { file } = this;
    try {
      this.facts = await inspect(async (start, end) => new Uint8Array(await file.slice(start, end).arrayBuffer()), file.size, file.name);
    } catch (error) {
      this.refused = true;
      this.el.classList.add("refused");
      this.seen.hidden = true;
      this.fields.hidden = true;
      const why = error instanceof Refused ? { title: texts.upload.refused, detail: error.message } : { title: texts.resume.unreadable, detail: String(error) };
      this.problem.show({ ...why, title: `${why.title}: ${file.name}` });
      this.changed();
      return;
    }
    this.tell(this.facts);
    this.spaceField.hidden = this.facts.format !== "raw";
    this.offer(this.domains);
  }

  /** @param {Facts} facts */
  tell(facts) {
    const { upload } = texts;
    const iso = facts.format === "iso";
    const kind = iso && facts.bootable?.length ? `Bootable ${facts.format.toUpperCase()}` : texts.format[facts.format] + (facts.version ? ` v${facts.version}` : "");
    /** @type {[string, string][]} */
    const rows = [[upload.detected, kind]];
    if (!iso) rows.push([upload.virtual, size(facts.virtualSize)]);
    if (facts.label) rows.push([upload.label, facts.label]);
    if (iso || facts.bootable) rows.push([upload.boots, facts.bootable?.length ? facts.bootable.join(" and ") : upload.no]);
    this.seen.replaceChildren(...rows.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
    if (!facts.warning && facts.format !== "raw") this.seen.append(h("div", {}, h("dt", {}, upload.checked), h("dd", { class: "good" }, `✓ ${upload.sound}`)));
    this.head.firstElementChild?.replaceWith(icon(iso ? "iso" : "data"));
    const twin = queue.twin(this.file) ? upload.twin : "";
    const note = [facts.warning, twin].filter(Boolean).join(" ");
    this.warning.hidden = !note;
    say(/** @type {Element} */ (this.warning.lastElementChild), note);
  }

  /** @param {Domain[]} domains to choose from */
  offer(domains) {
    this.domains = domains;
    if (!this.facts) return;
    if (!this.domain.offer(domains, this.facts.format)) this.problem.show({ title: texts.upload.noDomain });
    this.consent.seek();
  }

  get target() {
    return this.domain.target;
  }

  get digest() {
    return digest(this.sha.value);
  }

  /** @param {Pick} other */
  sameTarget(other) {
    return !this.refused && !other.refused && this.name.value.trim() === other.name.value.trim() && this.domain.value === other.domain.value;
  }

  /** @param {boolean} clashes with another of this list */
  clash(clashes) {
    if (clashes === this.clashes) return;
    this.clashes = clashes;
    this.judge();
  }

  /** Something stands beside its fields that has to be mended. */
  get flawed() {
    return !this.refused && Boolean(this.nameWrong.textContent || this.shaWrong.textContent || !this.problem.el.hidden);
  }

  get ready() {
    return this.consent.given;
  }

  order() {
    return { name: this.name.value.trim(), size: this.file.size, format: this.facts?.format ?? "raw", domain: this.domain.value, allocation: this.space.value, sha256: this.digest || null };
  }

  /** @returns {import("../upload.js").Wish} */
  wish() {
    const { size: _, ...rest } = this.order();
    return /** @type {import("../upload.js").Wish} */ ({ ...rest, domainName: this.target?.name ?? "" });
  }

  /** What this page can judge alone; shows it beside the fields. @returns {boolean} */
  judge() {
    if (!this.facts || this.refused) return false;
    const flaw = names.flaw(this.name.value.trim());
    const nameWrong = flaw ? texts.name[flaw] : this.clashes ? texts.upload.sameName : "";
    const shaWrong = digestFlaw(this.sha.value);
    say(this.nameWrong, nameWrong);
    attr(this.name, "aria-invalid", nameWrong ? "true" : null);
    say(this.shaWrong, shaWrong);
    attr(this.sha, "aria-invalid", shaWrong ? "true" : null);
    return !nameWrong && !shaWrong && this.domain.value !== "";
  }

  leave() {
    this.consent.leave();
  }
}
