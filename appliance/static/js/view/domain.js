/** One storage domain: its space, what arrives there, what lies there. */

import { stepName } from "../arrival.js";
import { service } from "../fleet.js";
import { watch } from "../poll.js";
import { texts } from "../texts.js";
import { size } from "../units.js";
import { Bar } from "./bar.js";
import { paintSpace } from "./cards.js";
import { button, h, say } from "./dom.js";
import { crumb, head, staleBanner, uploadButton } from "./head.js";
import { imagesList } from "./images-list.js";
import { problemSlot } from "./problem.js";
import { sections } from "./stories.js";

/** @typedef {import("../types").Domain} Domain */

/** @param {import("./frame.js").Place} place */
export function show({ main, me, params: [id], title }) {
  const stale = staleBanner();
  const problem = problemSlot();
  const pill = h("span", { class: "pill", hidden: true });
  const top = head("", pill, uploadButton(me));
  const bar = new Bar("thin");
  bar.el.removeAttribute("data-test");
  const facts = h("dl", { class: "seen" });
  const steps = h("ol", { class: "steps brief", role: "list", test: "domain-steps", "aria-label": texts.domain.steps });
  const change = me.role === "admin" ? button(texts.arrangement.change, "settings", { test: "change-steps", onclick: async () => {
    const { StepsDialog } = await import("./steps-dialog.js");
    if (shown) new StepsDialog(shown, (domain) => card.isConnected && draw(domain));
  } }) : null;
  const card = h("div", { class: "card pick", hidden: true }, bar.el, facts, h("div", { class: "goes-through" }, h("span", { class: "small quiet", "aria-hidden": "true" }, texts.domain.steps), steps, change));
  const rows = sections(me, (transfer) => transfer.domain.id === id, (domain) => domain === id);
  const list = imagesList(id, () => {});
  main.append(h("div", {}, crumb(), top), stale.el, problem.el, card, ...rows.elements,
    h("section", { class: "section" }, h("h2", {}, texts.domain.images), list.el));
  rows.ondraw(() => {});
  /** @type {Domain | null} */
  let shown = null;
  /** @type {import("../types").Host[]} */
  let hosts = [];
  const sign = () => {
    if (!shown) return;
    const { word, tone } = service(shown, hosts);
    pill.hidden = false;
    say(pill, word);
    pill.className = `pill ${tone}`;
  };
  const draw = (/** @type {Domain} */ domain) => {
    problem.show(null);
    title(domain.name);
    say(/** @type {Element} */ (top.firstElementChild), domain.name);
    shown = domain;
    sign();
    card.hidden = false;
    paintSpace(bar, domain);
    /** @type {[string, string][]} */
    const told = [
      [texts.domain.free, size(domain.available)], [texts.domain.used, size(domain.capacity - domain.free)], [texts.domain.reserved, size(domain.reserved)],
      [texts.domain.capacity, size(domain.capacity)], [texts.domain.host, domain.host.name], [texts.domain.path, domain.path],
    ];
    facts.replaceChildren(...told.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
    steps.replaceChildren(...domain.steps.map((name) => h("li", { "data-step": name }, h("span", { class: "step-name" }, stepName({ name })))));
  };
  const stops = [
    watch("/hosts", ({ items }) => {
      hosts = items;
      sign();
    }),
    rows.stop, list.stop,
    watch(`/domains/${id}`, draw, (error) => (error?.status === 404 ? problem.show(error) : stale.show(error))),
  ];
  return () => stops.forEach((stop) => stop());
}
