/** The steps of an import: what is done with the image on its arrival, and how far each is. */

import { stepName, stepState, stepWords } from "../arrival.js";
import { serial } from "../serial.js";
import { texts } from "../texts.js";
import { attr, button, h, icon, keyed, say } from "./dom.js";

/** @typedef {import("../types").ImportStep} ImportStep */
/** @typedef {import("../arrival.js").Mood} Mood */

const ICONS = { waiting: "wait", running: "play", begun: "pause", done: "check", skipped: "skip", failed: "warning", missed: "skip" };
const TONES = { waiting: "", running: "active", begun: "", done: "good", skipped: "", failed: "bad", missed: "" };

/** The list alone. @param {string} [kind] `brief`: in one line, without what each said */
export function stepsList(kind = "") {
  // Without its bullets, some screen readers would take it for no list.
  const el = h("ol", { class: `steps ${kind}`.trim(), test: "steps", role: "list" });
  return {
    el,
    /**
     * @param {ImportStep[]} steps
     * @param {Mood} mood
     */
    update(steps, mood) {
      keyed(el, steps.map((step) => ({ step, mood })), ({ step }) => step.name, line);
    },
  };
}

function line() {
  const sign = h("span", { class: "sign" });
  const name = h("span", { class: "step-name" });
  const status = h("span", {});
  const message = h("span", { class: "quiet message" });
  // The spaces are for those who hear it in one go.
  const el = h("li", { test: "step" }, sign, name, " ", status, " ", message);
  let shown = "";
  return {
    el,
    /** @param {{step: ImportStep, mood: Mood}} item */
    update({ step, mood }) {
      const state = stepState(step, mood);
      if (shown !== state) sign.replaceChildren(icon(ICONS[state] ?? "info", TONES[state] ?? ""));
      shown = state;
      attr(el, "data-status", step.status);
      attr(el, "data-state", state);
      attr(el, "data-step", step.name);
      attr(el, "title", step.message || null);
      say(name, stepName(step));
      say(status, stepWords(step, mood));
      status.className = `state ${TONES[state] ?? ""}`;
      say(message, step.message);
    },
  };
}

/** The foot of an import's row: its steps in one line, what each said on demand, and that nobody has to wait for it. */
export class ImportFoot {
  constructor() {
    this.list = stepsList("brief");
    this.list.el.id = serial("steps");
    this.alone = h("span", { class: "quiet", test: "alone" }, texts.imports.alone);
    this.more = button(texts.imports.details, "down", { class: "fold", test: "steps-details", "aria-expanded": "false", "aria-controls": this.list.el.id, onclick: () => this.unfold() });
    this.el = h("div", { class: "import-foot small" }, this.list.el, h("div", { class: "foot-end" }, this.alone, this.more));
  }

  unfold() {
    const brief = this.list.el.classList.toggle("brief");
    attr(this.more, "aria-expanded", String(!brief));
  }

  /**
   * @param {string} name of the import
   * @param {ImportStep[]} steps
   * @param {Mood} mood
   */
  update(name, steps, mood) {
    this.list.update(steps, mood);
    attr(this.list.el, "aria-label", texts.imports.stepsOf(name));
    attr(this.more, "aria-label", texts.imports.detailsOf(name));
    this.alone.hidden = mood !== "moving";
  }
}
