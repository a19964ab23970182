/** The bar: what is durable, sent, zero or being checked, where it lies in the image. */

import { gaps, merge } from "../ranges.js";
import { h, attr } from "./dom.js";

/** @typedef {import("../ranges.js").Range} Range */
/** @typedef {{tone: string, ranges: Range[]}} Layer */

/** Nobody sees parts finer than this, and a scattered image would make thousands. */
const CELLS = 400;

export class Bar {
  /** @param {string} kind further classes */
  constructor(kind = "") {
    this.el = h("div", { class: `bar ${kind}`, role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, test: "progress" });
  }

  /**
   * @param {number} size
   * @param {Layer[]} layers painted one over the other
   * @param {{label: string, value: number | null, text: string}} told
   */
  update(size, layers, told) {
    attr(this.el, "aria-label", told.label);
    attr(this.el, "aria-valuenow", told.value);
    attr(this.el, "aria-valuetext", told.text);
    let index = 0;
    for (const { tone, ranges } of layers) {
      for (const [start, end] of coarse(ranges, size)) {
        const part = /** @type {HTMLElement} */ (this.el.children[index] ?? this.el.appendChild(document.createElement("i")));
        if (part.className !== tone) part.className = tone;
        part.style.setProperty("left", `${((start / size) * 100).toFixed(3)}%`);
        part.style.setProperty("width", `${(((end - start) / size) * 100).toFixed(3)}%`);
        index += 1;
      }
    }
    while (this.el.children.length > index) this.el.lastElementChild?.remove();
  }
}

/**
 * Ranges with the gaps closed that are too narrow to see.
 * @param {Range[]} ranges sorted, merged
 * @param {number} size
 * @returns {Range[]}
 */
function coarse(ranges, size) {
  if (size <= 0) return [];
  const narrow = size / CELLS;
  return ranges.length < 2 ? ranges : merge([...ranges, ...gaps(size, ranges).filter(([start, end]) => end - start < narrow && start > 0 && end < size)]);
}
