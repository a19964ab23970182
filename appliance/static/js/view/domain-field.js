/** Which storage domain an image goes to: those that take its kind and can be reached, with what is free there. */

import { texts } from "../texts.js";
import { size } from "../units.js";
import { h, say } from "./dom.js";

/** @typedef {import("../types").Domain} Domain */

export class DomainField {
  /**
   * @param {string} id
   * @param {string | null} preferred domain
   * @param {() => void} changed
   */
  constructor(id, preferred, changed) {
    this.preferred = preferred;
    /** @type {Domain[]} */
    this.domains = [];
    this.select = h("select", { class: "input", id, test: "domain", onchange: changed });
    this.el = h("div", { class: "field" }, h("label", { for: id }, texts.upload.domain), this.select);
  }

  /** The id of the chosen one; empty while there is none. */
  get value() {
    return this.select.value;
  }

  get target() {
    return this.domains.find(({ id }) => id === this.value) ?? null;
  }

  /**
   * @param {Domain[]} domains that there are
   * @param {string} format of the image
   * @returns {boolean} whether one of them takes it
   */
  offer(domains, format) {
    this.domains = domains;
    const fit = domains.filter(({ kind, status }) => status === "active" && (kind === "data" || format === "iso"));
    const wanted = [this.value, this.preferred, fit.find(({ kind }) => (kind === "iso") === (format === "iso"))?.id].find((id) => id && fit.some((one) => one.id === id));
    // Options are changed in place: an open list must not close under the hand.
    fit.forEach((domain, index) => {
      const option = this.select.options[index] ?? this.select.appendChild(document.createElement("option"));
      if (option.value !== domain.id || !option.hasAttribute("value")) option.value = domain.id;
      say(option, texts.upload.domainFree(domain.name, size(domain.available)));
    });
    while (this.select.options.length > fit.length) this.select.options[this.select.options.length - 1].remove();
    if (wanted && this.value !== wanted) this.select.value = wanted;
    return fit.length > 0 || domains.length === 0;
  }
}
