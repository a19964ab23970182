/** The steps of an import: what is done with the image on its arrival, and how far each is. */

import { stepName, stepWords } from "../imports.js";
import { texts } from "../texts.js";
import { attr, h, icon, keyed, say } from "./dom.js";

/** @typedef {import("../types").ImportStep} ImportStep */

const ICONS = { waiting: "wait", running: "play", done: "check", skipped: "skip", failed: "warning" };
const TONES = { waiting: "", running: "active", done: "good", skipped: "", failed: "bad" };

/** The list alone. */
export function stepsList() {
  const el = h("ol", { class: "steps", test: "steps" });
  return {
    el,
    /**
     * @param {ImportStep[]} steps
     * @param {boolean} [moving] and not paused
     */
    update(steps, moving = true) {
      keyed(el, steps.map((step) => ({ step, moving })), ({ step }) => step.name, line);
    },
  };
}

function line() {
  const sign = h("span", { class: "sign" });
  const name = h("span", { class: "step-name" });
  const status = h("span", {});
  const message = h("span", { class: "quiet" });
  const el = h("li", { test: "step" }, sign, name, status, message);
  return {
    el,
    /** @param {{step: ImportStep, moving: boolean}} item */
    update({ step, moving }) {
      if (el.getAttribute("data-status") !== step.status) sign.replaceChildren(icon(ICONS[step.status] ?? "info", TONES[step.status] ?? ""));
      attr(el, "data-status", step.status);
      attr(el, "data-step", step.name);
      say(name, stepName(step));
      say(status, stepWords(step, moving));
      status.className = `state ${TONES[step.status] ?? ""}`;
      say(message, step.message);
    },
  };
}

/** The foot of an import's row: its steps on demand, and that nobody has to wait for it. */
export class ImportFoot {
  constructor() {
    this.summary = h("summary", {});
    this.list = stepsList();
    this.alone = h("span", { class: "quiet", test: "alone" }, texts.imports.alone);
    this.el = h("div", { class: "import-foot small" }, h("details", { test: "steps-details" }, this.summary, this.list.el), this.alone);
  }

  /** @param {ImportStep[]} steps @param {boolean} moving nobody has to do anything for it to go on */
  update(steps, moving) {
    const wanted = steps.filter(({ status }) => status !== "skipped");
    say(this.summary, texts.imports.steps(wanted.filter(({ status }) => status === "done").length, wanted.length));
    this.list.update(steps, moving);
    this.alone.hidden = !moving;
  }
}
