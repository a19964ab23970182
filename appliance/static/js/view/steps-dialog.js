/** Which steps imports into a storage domain go through, and in which order: for administrators. */

import { ApiError, get, patch } from "../api.js";
import { stepName } from "../arrival.js";
import { arrange, moved, standard, switched, wish } from "../arrangement.js";
import { poke } from "../poll.js";
import { serial } from "../serial.js";
import { blamed } from "../storing.js";
import { texts } from "../texts.js";
import { announce } from "./announce.js";
import { dialog } from "./confirm.js";
import { attr, button, h, keyed, say } from "./dom.js";
import { tick } from "./field.js";
import { problemSlot } from "./problem.js";

/** @typedef {import("../types").Domain} Domain */
/** @typedef {import("../arrangement.js").Item} Item */
/** @typedef {{item: Item, first: boolean, last: boolean}} Place */

const words = texts.arrangement;

export class StepsDialog {
  /**
   * @param {Domain} domain
   * @param {(domain: Domain) => unknown} saved told of the domain as it is then
   */
  constructor(domain, saved) {
    this.domain = domain;
    this.saved = saved;
    /** @type {import("../types").KnownStep[]} */
    this.known = [];
    /** @type {Item[]} */
    this.items = [];
    this.problem = problemSlot({ id: serial("problem") });
    this.list = h("ol", { class: "list arranged", test: "arranged", role: "list", "aria-label": words.list, "aria-describedby": this.problem.el.id });
    // The page's own region cannot be heard behind a dialog.
    this.said = h("p", { class: "unseen", role: "status", test: "said" });
    this.usual = button(words.usual, "", { test: "usual-steps", disabled: true, onclick: () => this.reset() });
    this.go = button(words.save, "", { class: "primary", type: "submit", test: "submit", disabled: true });
    const back = button(texts.verb.cancel, "", { test: "back", onclick: () => this.element.close() });
    const { element, form } = dialog(words.title(domain.name), h("div", { class: "dialog-body" }, h("p", { class: "quiet" }, words.about(domain.name)), this.list, this.problem.el, this.said),
      h("div", { class: "dialog-foot" }, this.usual, h("span", { class: "grow" }), back, this.go));
    this.element = element;
    attr(element, "data-test", "steps-dialog");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    this.load();
  }

  async load() {
    try {
      this.known = (await get("/imports/methods")).steps;
    } catch (error) {
      this.list.hidden = true;
      this.refuse(error);
      return;
    }
    this.change(arrange(this.domain.steps, this.known));
    this.usual.disabled = this.go.disabled = false;
    this.list.querySelector("input")?.focus();
  }

  /** @param {Item[]} items */
  change(items) {
    this.items = items;
    this.problem.show(null);
    keyed(this.list, items.map((item, at) => ({ item, first: at === 0, last: at === items.length - 1 })), ({ item }) => item.name, (place) => this.line(place));
  }

  /** @param {Place} place */
  line({ item: { name, about } }) {
    const title = stepName({ name });
    const id = serial("step");
    const run = tick("runs", title, about, () => this.change(switched(this.items, name, run.box.checked)), id);
    const up = button(words.up, "up", { class: "bare", test: "move-up", "aria-label": words.moves(words.up, title), onclick: () => this.move(name, -1, up) });
    const down = button(words.down, "down", { class: "bare", test: "move-down", "aria-label": words.moves(words.down, title), onclick: () => this.move(name, 1, down) });
    const el = h("li", { test: "arranged-step", "data-step": name }, run.el, h("span", { class: "moves" }, up, down));
    return {
      el,
      /** @param {Place} place */
      update({ item, first, last }) {
        run.box.checked = item.runs;
        el.classList.toggle("off", !item.runs);
        // Disabled, they would lose the focus of whoever has just moved it there.
        attr(up, "aria-disabled", first ? "true" : null);
        attr(down, "aria-disabled", last ? "true" : null);
      },
    };
  }

  /**
   * @param {string} name
   * @param {1 | -1} by
   * @param {HTMLElement} mover
   */
  move(name, by, mover) {
    const items = moved(this.items, name, by);
    if (items === this.items) return;
    this.change(items);
    mover.focus();
    say(this.said, words.moved(stepName({ name }), items.findIndex((item) => item.name === name) + 1, items.length));
  }

  reset() {
    this.change(arrange(standard(this.known), this.known));
    say(this.said, words.reset);
  }

  async save() {
    if (this.go.hasAttribute("aria-busy")) return;
    attr(this.go, "aria-busy", "true");
    this.problem.show(null);
    try {
      const domain = await patch(`/domains/${this.domain.id}`, { steps: wish(this.items, this.known) });
      this.element.close();
      this.saved(domain);
      announce(words.saved(domain.name, domain.steps.map((/** @type {string} */ name) => stepName({ name }))));
      poke();
    } catch (error) {
      this.refuse(error);
    } finally {
      attr(this.go, "aria-busy", null);
    }
  }

  /** What the server has against the list, right below it. @param {unknown} error */
  refuse(error) {
    const told = error instanceof ApiError ? error : new ApiError({ detail: String(error) });
    const why = blamed(told).map(([, reason]) => reason).join(" ");
    this.problem.show(why ? { title: why, hint: told.hint, id: told.id } : told);
    this.problem.el.scrollIntoView({ block: "nearest" });
  }
}
