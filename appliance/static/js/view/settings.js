/** Facts about this appliance and this browser. */

import * as abilities from "../abilities.js";
import { texts } from "../texts.js";
import { h } from "./dom.js";
import { head } from "./head.js";

/** @param {import("./frame.js").Place} place */
export function show({ main, me }) {
  const words = texts.settings;
  const version = document.querySelector('meta[name="user"]')?.getAttribute("data-version") ?? "";
  /** @type {[string, ...(Node | string)[]][]} */
  const about = [
    [words.version, version],
    [words.user, me.name, h("span", { class: "quiet" }, texts.role[me.role])],
    [words.ca, h("a", { href: "/ca.pem", download: "image-appliance-ca.pem" }, words.caLink), h("span", { class: "quiet" }, words.caAbout)],
    [words.api, h("a", { href: "/api/v1/openapi.json", target: "_blank" }, words.apiLink)],
  ];
  const browser = abilities.all().map(({ name, met }) => /** @type {[string, ...(Node | string)[]]} */ ([name, h("span", { class: `pill ${met ? "good" : "bad"}` }, met ? words.has : words.lacks)]));
  const section = (/** @type {string} */ title, /** @type {[string, ...(Node | string)[]][]} */ rows) =>
    h("section", { class: "section" }, h("h2", {}, title), h("dl", { class: "card facts" }, ...rows.map(([term, ...value]) => h("div", {}, h("dt", {}, term), h("dd", {}, ...value)))));
  main.append(head(texts.nav.settings), section(words.about, about), section(words.browser, browser));
  return () => {};
}
