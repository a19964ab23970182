/** An error that stays: what, why, what to do, and an id to copy. */

import { texts } from "../texts.js";
import { button, copy, h, icon } from "./dom.js";

/** @typedef {{title?: string, detail?: string, hint?: string, id?: string}} Problem */

/**
 * @param {Problem} problem
 * @param {"bad" | "warning"} tone
 */
export function problemBox(problem, tone = "bad") {
  const { title, detail, hint, id } = problem;
  return h("div", { class: `notice ${tone}`, role: "alert", test: "error" }, icon("warning"),
    h("div", { class: "grow" },
      h("strong", {}, ending(title || texts.problem.unknown)), detail ? ` ${ending(detail)}` : null, hint ? h("span", { class: "hint" }, ` ${hint}`) : null,
      id ? h("span", { class: "error-id" }, ` ${texts.problem.id} `, h("code", {}, id), button(texts.problem.copy, "copy", { class: "bare", onclick: () => copy(id) })) : null));
}

/** @param {string} text */
function ending(text) {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/**
 * A place that shows one problem or none.
 * @param {Record<string, any>} attributes
 */
export function problemSlot(attributes = {}) {
  const el = h("div", { ...attributes, hidden: true });
  let shown = "";
  return {
    el,
    /** @param {Problem | null} problem */
    show(problem) {
      // Shown again as it is, it would be read out again.
      const text = problem ? [problem.title, problem.detail, problem.hint, problem.id].join("\n") : "";
      if (text === shown) return;
      shown = text;
      el.hidden = !problem;
      el.replaceChildren(...(problem ? [problemBox(problem)] : []));
    },
  };
}
