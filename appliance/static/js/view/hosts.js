/** The hosts that storage domains lie on. */

import { watch } from "../poll.js";
import { texts } from "../texts.js";
import { h, icon, keyed, say } from "./dom.js";
import { head, staleBanner } from "./head.js";

/** @typedef {import("../types").Host} Host */

/** @param {import("./frame.js").Place} place */
export function show({ main }) {
  const stale = staleBanner();
  const list = h("ul", { class: "list", hidden: true, test: "hosts" });
  const empty = h("p", { class: "quiet", hidden: true }, texts.hosts.empty);
  main.append(head(texts.nav.hosts), stale.el, list, empty);
  return watch("/hosts", ({ items }) => {
    list.hidden = items.length === 0;
    empty.hidden = items.length > 0;
    keyed(list, items, (/** @type {Host} */ host) => host.id, () => {
      const name = h("strong", { class: "cut" });
      const about = h("span", { class: "small quiet" });
      const pill = h("span", { class: "pill" });
      return {
        el: h("li", { class: "line host", test: "host" }, icon("hosts"), h("span", {}, name, h("br"), about), pill),
        /** @param {Host} host */
        update(host) {
          say(name, host.name);
          say(about, [host.address, host.domains.length ? `${texts.hosts.domains}: ${host.domains.join(", ")}` : "", host.reason].filter(Boolean).join(" · "));
          say(pill, host.status === "up" ? texts.hosts.up : texts.hosts.down);
          pill.className = `pill ${host.status === "up" ? "good" : "bad"}`;
        },
      };
    });
  }, stale.show);
}
