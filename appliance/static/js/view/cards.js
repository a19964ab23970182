/** The cards of the overview: what there is, how much of it, and how it does. */

import { service, summary } from "../fleet.js";
import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { count, size, sizeOf } from "../units.js";
import { Bar } from "./bar.js";
import { attr, h, icon, say } from "./dom.js";

/** @typedef {import("../types").Domain} Domain */
/** @typedef {import("../types").Host} Host */

/** A link with a name and a state, a figure with what it is part of, a bar, and a line of words. */
class Card {
  /** @param {Record<string, any>} attributes */
  constructor(attributes = {}) {
    this.symbol = h("span", {});
    this.name = h("span", { class: "cut grow" });
    this.pill = h("span", { class: "pill" });
    this.figure = h("span", {});
    this.whole = h("span", { class: "quiet" });
    this.bar = new Bar("thin");
    this.bar.el.removeAttribute("data-test");
    this.words = h("span", { class: "small quiet cut" });
    this.el = h("a", { class: "card", ...attributes }, h("span", { class: "card-head" }, this.symbol, this.name, this.pill), h("span", {}, this.figure, this.whole), this.bar.el, this.words);
  }

  /** @param {string} symbol @param {string} name @param {string} href */
  head(symbol, name, href) {
    if (this.symbol.getAttribute("data-icon") !== symbol) {
      this.symbol.setAttribute("data-icon", symbol);
      this.symbol.replaceChildren(icon(symbol));
    }
    say(this.name, name);
    attr(this.name, "title", name);
    attr(this.el, "href", href);
  }

  /** @param {import("../fleet.js").Sign} sign */
  state({ word, tone }) {
    say(this.pill, word);
    this.pill.className = `pill ${tone}`;
  }
}

/** A storage domain with its space: used, reserved, free. @param {() => Host[]} hosts that are known */
export function domainCard(hosts) {
  const card = new Card({ test: "domain-card" });
  return {
    el: card.el,
    /** @param {any} item */
    update(item) {
      const domain = /** @type {Domain} */ (item);
      card.head(domain.kind === "iso" ? "iso" : "data", domain.name, `/domains/${domain.id}`);
      attr(card.el, "data-domain", domain.id);
      card.state(service(domain, hosts()));
      say(card.figure, size(domain.available));
      say(card.whole, texts.overview.free(size(domain.capacity)));
      paintSpace(card.bar, domain);
      say(card.words, [count(domain.images, texts.overview.disks(domain.kind)), domain.reserved ? texts.overview.arriving(size(domain.reserved)) : ""].filter(Boolean).join(" · "));
    },
  };
}

/**
 * @param {Bar} bar
 * @param {Domain} domain
 */
export function paintSpace(bar, domain) {
  const used = Math.max(0, domain.capacity - domain.free);
  bar.update(domain.capacity, [
    { tone: "used", ranges: [[0, used]] },
    { tone: "arriving", ranges: domain.reserved ? [[used, Math.min(domain.capacity, used + domain.reserved)]] : [] },
  ], { label: texts.overview.spaceOf(domain.name), value: domain.capacity ? Math.round((used / domain.capacity) * 100) : 0, text: texts.overview.usedText(sizeOf(used, domain.capacity)) });
  bar.el.setAttribute("role", "meter");
}

/** All hosts in one. @param {() => Host[]} hosts at least one */
export function hostsCard(hosts) {
  const card = new Card();
  card.head("hosts", texts.overview.hosts, "/hosts");
  card.bar.el.setAttribute("role", "meter");
  return {
    el: card.el,
    update() {
      const list = hosts();
      const alive = list.filter(({ status }) => status === "up").length;
      card.state(summary(list));
      say(card.figure, String(alive));
      say(card.whole, texts.overview.up(list.length));
      card.bar.update(list.length, [{ tone: "used", ranges: [[0, alive]] }], { label: texts.overview.hosts, value: Math.round((alive / list.length) * 100), text: texts.overview.hostsText(alive, list.length) });
      say(card.words, queue.speed > 0 ? texts.overview.rate(size(queue.speed)) : list.map(({ name }) => name).join(", "));
    },
  };
}
