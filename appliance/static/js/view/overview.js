/** The overview: what space there is, what runs, what waits for its file. */

import { watch } from "../poll.js";
import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { domainCard, hostsCard } from "./cards.js";
import { h, icon, keyed } from "./dom.js";
import { head, importButton, mayUpload, staleBanner, uploadButton } from "./head.js";
import { sections } from "./stories.js";

/** @typedef {import("../types").Domain} Domain */
/** @typedef {import("../types").Host} Host */

/** @param {import("./frame.js").Place} place */
export function show({ main, me }) {
  const stale = staleBanner();
  const cards = h("div", { class: "cards", test: "cards" });
  const rows = sections(me);
  const empty = h("div", { class: "card empty", hidden: true, test: "empty" }, icon("upload"), h("strong", {}, texts.overview.nothing), h("p", {}, mayUpload(me) ? texts.overview.nothingHint : texts.overview.nothingViewer));
  main.append(head(texts.nav.overview, importButton(me), uploadButton(me)), stale.el, cards, ...rows.elements, empty);
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
    keyed(cards, items, (item) => (item === "hosts" ? item : item.id), (item) => (item === "hosts" ? hostsCard(() => hosts) : domainCard(() => hosts)));
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
