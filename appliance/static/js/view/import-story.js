/** How an image was imported, on its page: where it came from, and what was done with it on its arrival. */

import { mood } from "../arrival.js";
import { watch } from "../poll.js";
import { texts } from "../texts.js";
import { h, say } from "./dom.js";
import { stepsList } from "./steps.js";

export function importStory() {
  const place = h("code", {});
  const sum = h("code", {});
  const sumRow = h("div", {}, h("dt", {}, texts.imports.sumThere), h("dd", {}, sum));
  const list = stepsList();
  const el = h("section", { class: "section", hidden: true, test: "import-story" }, h("h2", {}, texts.imports.title),
    h("div", { class: "card" }, h("dl", { class: "facts" }, h("div", {}, h("dt", {}, texts.imports.place), h("dd", {}, place)), sumRow), list.el));
  /** @type {string | null} */
  let followed = null;
  let stop = () => {};
  return {
    el,
    /** @param {string | null} transfer id of what brought the image; null once it is forgotten */
    follow(transfer) {
      if (transfer === followed) return;
      followed = transfer;
      stop();
      stop = transfer === null ? () => {} : watch(`/transfers/${transfer}`, (/** @type {import("../types").Transfer} */ { phase, import: source }) => {
        el.hidden = !source;
        if (!source) return;
        say(place, source.url);
        say(sum, source.checksum ?? "");
        sumRow.hidden = !source.checksum;
        list.update(source.steps, mood(phase));
      });
    },
    stop: () => stop(),
  };
}
