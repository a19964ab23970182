/** Tabs: arrows walk between them, and what is walked to is shown. */

import { serial } from "../serial.js";
import { attr, h } from "./dom.js";

/**
 * @param {string} label what the tabs choose between
 * @param {{name: string, word: string, panel: HTMLElement}[]} tabs the first is shown
 * @param {(index: number) => void} shown called when another one is
 */
export function tabs(label, tabs, shown) {
  const heads = tabs.map(({ name, word, panel }, index) => {
    panel.id ||= serial("panel");
    const head = h("button", { type: "button", role: "tab", class: "tab", id: `${panel.id}-tab`, "aria-controls": panel.id, test: `tab-${name}`, onclick: () => choose(index) }, word);
    attr(panel, "role", "tabpanel");
    attr(panel, "aria-labelledby", head.id);
    return head;
  });
  const el = h("div", { class: "tabs", role: "tablist", "aria-label": label, onkeydown: walk }, ...heads);
  let chosen = 0;

  /** @param {number} index */
  function choose(index) {
    chosen = index;
    heads.forEach((head, at) => {
      attr(head, "aria-selected", String(at === index));
      attr(head, "tabindex", at === index ? null : -1);
      tabs[at].panel.hidden = at !== index;
    });
    shown(index);
  }

  /** @param {KeyboardEvent} event */
  function walk(event) {
    const steps = /** @type {Record<string, number>} */ ({ ArrowRight: chosen + 1, ArrowLeft: chosen - 1, Home: 0, End: heads.length - 1 });
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = (steps[event.key] + heads.length) % heads.length;
    choose(next);
    heads[next].focus();
  }

  return { el, choose };
}
