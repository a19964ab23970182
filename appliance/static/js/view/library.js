/** All images, or those of one storage domain. */

import { watch } from "../poll.js";
import { texts } from "../texts.js";
import { h, keyed, say } from "./dom.js";
import { head, staleBanner, uploadButton } from "./head.js";
import { imagesList } from "./images-list.js";

/** @param {import("./frame.js").Place} place */
export function show({ main, me, go }) {
  const stale = staleBanner();
  const filter = h("nav", { class: "toolbar", "aria-labelledby": "domains" });
  const list = imagesList(null, stale.show);
  main.append(head(texts.library.images, uploadButton(me)), stale.el, h("div", { class: "toolbar" }, h("span", { class: "quiet", id: "domains" }, texts.library.filter), filter), list.el);
  const stops = [
    list.stop,
    watch("/domains", ({ items }) => keyed(filter, items, (domain) => domain.id, () => {
      const el = h("a", { class: "button" });
      return {
        el,
        update(domain) {
          el.href = `/domains/${domain.id}`;
          say(el, `${domain.name} · ${domain.images}`);
        },
      };
    })),
  ];
  return () => stops.forEach((stop) => stop());
}
