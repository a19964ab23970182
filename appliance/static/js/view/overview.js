/** The overview: what space there is, what runs, what waits for its file. */

import { watch } from "../poll.js";
import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { count, size, sizeOf } from "../units.js";
import { Bar } from "./bar.js";
import { attr, h, icon, keyed, say } from "./dom.js";
import { head, mayUpload, staleBanner, uploadButton } from "./head.js";
import { sections } from "./stories.js";

/** @typedef {import("../types").Domain} Domain */
/** @typedef {import("../types").Host} Host */

/** @param {import("./frame.js").Place} place */
export function show({ main, me }) {
  const stale = staleBanner();
  const cards = h("div", { class: "cards", test: "cards" });
  const rows = sections(me);
  const empty = h("div", { class: "card empty", hidden: true, test: "empty" }, icon("upload"), h("strong", {}, texts.overview.nothing), h("p", {}, mayUpload(me) ? texts.overview.nothingHint : texts.overview.nothingViewer));
  main.append(head(texts.nav.overview, uploadButton(me)), stale.el, cards, ...rows.elements, empty);
  rows.ondraw((none) => {
    empty.hidden = !none;
  });
  /** @type {Domain[]} */
  let domains = [];
  /** @type {Host[]} */
  let hosts = [];
  const draw = () => {
    /** @type {(Domain | "hosts")[]} */
    const items = hosts.length ? [...domains, "hosts"] : domains;
    keyed(cards, items, (item) => (item === "hosts" ? item : item.id), (item) => (item === "hosts" ? hostsCard(() => hosts) : domainCard()));
  };
  const stops = [
    watch("/domains", ({ items }) => {
      domains = items;
      draw();
    }, stale.show),
    watch("/hosts", ({ items }) => {
      hosts = items;
      draw();
    }),
    queue.listen(draw),
    rows.stop,
  ];
  return () => stops.forEach((stop) => stop());
}

/** A storage domain with its space: used, arriving, free. */
export function domainCard() {
  const symbol = h("span", {});
  const name = h("span", { class: "cut grow" });
  const pill = h("span", { class: "pill" });
  const free = h("span", {});
  const whole = h("span", { class: "quiet" });
  const bar = new Bar("thin");
  bar.el.removeAttribute("data-test");
  const words = h("span", { class: "small quiet cut" });
  const el = h("a", { class: "card", test: "domain-card" }, h("span", { class: "card-head" }, symbol, name, pill), h("span", {}, free, whole), bar.el, words);
  return {
    el,
    /** @param {any} item */
    update(item) {
      const domain = /** @type {Domain} */ (item);
      attr(el, "href", `/domains/${domain.id}`);
      attr(el, "data-domain", domain.id);
      if (symbol.getAttribute("data-kind") !== domain.kind) {
        symbol.setAttribute("data-kind", domain.kind);
        symbol.replaceChildren(icon(domain.kind === "iso" ? "iso" : "data"));
      }
      say(name, domain.name);
      const active = domain.status === "active";
      say(pill, active ? texts.overview.active : texts.overview.unreachable);
      pill.className = `pill ${active ? "good" : "bad"}`;
      say(free, size(domain.available));
      say(whole, texts.overview.free(size(domain.capacity)));
      paintSpace(bar, domain);
      say(words, [count(domain.images, texts.overview.disks(domain.kind)), domain.reserved ? texts.overview.arriving(size(domain.reserved)) : ""].filter(Boolean).join(" · "));
    },
  };
}

/**
 * @param {Bar} bar
 * @param {Domain} domain
 */
export function paintSpace(bar, domain) {
  const used = Math.max(0, domain.capacity - domain.free);
  const text = texts.overview.usedText(sizeOf(used, domain.capacity), "").replace(/ of\s+used$/, " used");
  bar.update(domain.capacity, [
    { tone: "used", ranges: [[0, used]] },
    { tone: "arriving", ranges: domain.reserved ? [[used, Math.min(domain.capacity, used + domain.reserved)]] : [] },
  ], { label: texts.overview.spaceOf(domain.name), value: domain.capacity ? Math.round((used / domain.capacity) * 100) : 0, text });
  bar.el.setAttribute("role", "meter");
}

/** @param {() => Host[]} hosts */
function hostsCard(hosts) {
  const pill = h("span", { class: "pill" });
  const up = h("span", {});
  const all = h("span", { class: "quiet" });
  const bar = new Bar("thin");
  bar.el.removeAttribute("data-test");
  const words = h("span", { class: "small quiet cut" });
  const el = h("a", { class: "card", href: "/hosts" }, h("span", { class: "card-head" }, icon("hosts"), h("span", { class: "cut grow" }, texts.overview.hosts), pill), h("span", {}, up, all), bar.el, words);
  return {
    el,
    update() {
      const list = hosts();
      const alive = list.filter(({ status }) => status === "up").length;
      const down = list.length - alive;
      say(pill, down ? texts.overview.down(down) : texts.overview.active);
      pill.className = `pill ${down ? "bad" : "good"}`;
      say(up, String(alive));
      say(all, texts.overview.up(list.length));
      bar.update(list.length, [{ tone: "used", ranges: [[0, alive]] }], { label: texts.overview.hosts, value: Math.round((alive / list.length) * 100), text: texts.overview.hostsText(alive, list.length) });
      bar.el.setAttribute("role", "meter");
      const rate = queue.uploads.reduce((sum, { sender }) => sum + (sender && !sender.mood ? sender.rate.value : 0), 0);
      say(words, rate > 0 ? texts.overview.rate(size(rate)) : list.map(({ name }) => name).join(", "));
    },
  };
}
