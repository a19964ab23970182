/** A few words for making and changing elements: only what changed is touched, so nothing flickers and focus stays. */

import { ago, exact } from "../units.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. Attributes: null and false are left out, true is empty; `test` is data-test; `on…` are listeners.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else attr(element, name === "test" ? "data-test" : name, value);
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | null | undefined} value
 */
export function attr(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/**
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...Element} children
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * @param {string} name of the sprite's symbol
 * @param {string} tone
 */
export function icon(name, tone = "") {
  return svg("svg", { class: `icon ${tone}`.trim(), "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));
}

/**
 * A button with an icon and a word, or (bare) the icon alone with the word as its name.
 * @param {string} word
 * @param {string} symbol
 * @param {Record<string, any>} attributes
 */
export function button(word, symbol, attributes = {}) {
  const bare = String(attributes.class ?? "").includes("bare");
  const label = attributes["aria-label"] ?? (bare ? word : null);
  return h("button", { type: "button", ...attributes, class: `button ${attributes.class ?? ""}`.trim(), "aria-label": label, title: bare ? word : null },
    symbol ? icon(symbol) : null, bare ? null : word);
}

/** @type {WeakMap<Element, Map<string, {el: Element, update: (item: any) => void}>>} */
const lists = new WeakMap();

/**
 * Make `parent`'s children match `items`: existing ones are updated, in place.
 * @template I
 * @param {Element} parent
 * @param {I[]} items
 * @param {(item: I) => string} key
 * @param {(item: I) => {el: Element, update: (item: I) => void}} make
 */
export function keyed(parent, items, key, make) {
  const known = lists.get(parent) ?? new Map();
  lists.set(parent, known);
  const wanted = new Set(items.map(key));
  for (const [id, one] of known) {
    if (wanted.has(id)) continue;
    // It may have moved to another list meanwhile.
    if (one.el.parentNode === parent) one.el.remove();
    known.delete(id);
  }
  let at = parent.firstElementChild;
  for (const item of items) {
    let one = known.get(key(item));
    if (!one) {
      one = make(item);
      known.set(key(item), one);
    }
    one.update(item);
    if (at && one.el === at) at = at.nextElementSibling;
    else parent.insertBefore(one.el, at);
  }
}

/**
 * A point in time: relative in words, absolute in its title.
 * @param {string} when
 * @param {string} before words before it
 */
export function time(when, before = "") {
  return h("time", { datetime: when, title: exact(when), "data-before": before }, before + ago(when));
}

/** Times grow older while one looks. */
setInterval(() => {
  for (const element of document.querySelectorAll("time[data-before]")) say(element, (element.getAttribute("data-before") ?? "") + ago(element.getAttribute("datetime") ?? ""));
}, 20_000);

/**
 * Put `text` on the clipboard; works without a secure context too.
 * @param {string} text
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { class: "unseen", readonly: true }, text);
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
