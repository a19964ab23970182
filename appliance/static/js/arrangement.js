/** Which steps imports into a storage domain go through, while somebody arranges them: those that run and those that do not, in one order. */

import { texts } from "./texts.js";

/** @typedef {import("./types").KnownStep} KnownStep */
/** @typedef {{name: string, about: string, runs: boolean}} Item */

/**
 * All steps in one list: those of the domain in their order, and each other one where it could run.
 * @param {string[]} chosen names
 * @param {KnownStep[]} known the usual ones in their order, then third parties'
 * @returns {Item[]}
 */
export function arrange(chosen, known) {
  const about = new Map(known.map((step) => [step.name, step.about]));
  const items = chosen.map((name) => ({ name, about: about.get(name) ?? texts.arrangement.gone, runs: true }));
  const at = (/** @type {string | undefined} */ name) => items.findIndex((item) => item.name === name);
  const usual = standard(known);
  for (const { name, about } of known) {
    if (at(name) >= 0) continue;
    // The last of the usual ones ends every import: third parties' come before it.
    const place = usual.includes(name) ? at(usual[usual.indexOf(name) - 1]) + 1 : at(usual[usual.length - 1]);
    items.splice(place < 0 ? items.length : place, 0, { name, about, runs: false });
  }
  return items;
}

/** What runs where nobody has chosen. @param {KnownStep[]} known */
export function standard(known) {
  return known.filter(({ usual }) => usual).map(({ name }) => name);
}

/**
 * With one step a place further up (-1) or down (1); the same list where there is no such place.
 * @param {Item[]} items
 * @param {string} name
 * @param {1 | -1} by
 */
export function moved(items, name, by) {
  const from = items.findIndex((item) => item.name === name);
  const to = from + by;
  if (from < 0 || to < 0 || to >= items.length) return items;
  const changed = [...items];
  [changed[from], changed[to]] = [items[to], items[from]];
  return changed;
}

/**
 * @param {Item[]} items
 * @param {string} name
 * @param {boolean} runs
 */
export function switched(items, name, runs) {
  return items.map((item) => (item.name === name ? { ...item, runs } : item));
}

/**
 * What is asked of the server: names in their order, or null for the standard, whatever that will be one day.
 * @param {Item[]} items
 * @param {KnownStep[]} known
 */
export function wish(items, known) {
  const names = items.filter(({ runs }) => runs).map(({ name }) => name);
  const usual = standard(known);
  return names.length === usual.length && names.every((name, at) => name === usual[at]) ? null : names;
}
