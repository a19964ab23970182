/** Asks before something is lost, and names it. */

import { serial } from "../serial.js";
import { texts } from "../texts.js";
import { button, h } from "./dom.js";

/**
 * A native dialog with head, body and foot; removed when closed, and the focus goes back to where it was.
 * @param {string} title
 * @param {Node} body
 * @param {Node} foot
 * @param {string} kind
 */
export function dialog(title, body, foot, kind = "") {
  const opener = /** @type {HTMLElement | null} */ (document.activeElement);
  const id = serial("dialog");
  const close = button(texts.verb.close, "close", { class: "bare", test: "close", onclick: () => element.close() });
  const form = h("form", { method: "dialog", novalidate: true }, h("div", { class: "dialog-head" }, h("h2", { id }, title), close), body, foot);
  const element = h("dialog", { class: kind, "aria-labelledby": id }, form);
  element.addEventListener("close", () => {
    element.remove();
    if (opener?.isConnected) opener.focus();
  });
  document.body.append(element);
  element.showModal();
  return { element, form };
}

/**
 * @param {{title: string, text: string, verb: string, keep: string}} question
 * @returns {Promise<boolean>}
 */
export function confirm({ title, text, verb, keep }) {
  return new Promise((resolve) => {
    const yes = button(verb, "", { class: "primary danger", test: "confirm", onclick: () => element.close("yes") });
    const no = button(keep, "", { test: "keep", autofocus: true, onclick: () => element.close() });
    const { element } = dialog(title, h("div", { class: "dialog-body" }, h("p", {}, text)), h("div", { class: "dialog-foot" }, h("span", { class: "grow" }), no, yes), "narrow");
    no.focus();
    element.addEventListener("close", () => resolve(element.returnValue === "yes"));
  });
}
