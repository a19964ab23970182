/** The tray at the lower edge: this page's uploads, wherever one walks. */

import { isOver, tone } from "../phase.js";
import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { left, size } from "../units.js";
import { Bar } from "./bar.js";
import { attr, button, h, keyed, say } from "./dom.js";
import { figures } from "./row.js";

/** @typedef {import("../upload.js").Upload} Upload */

/** @param {HTMLElement} place */
export function mount(place) {
  // On a small screen it would lie over the page it accompanies.
  let folded = matchMedia("(max-width: 760px)").matches;
  const title = h("strong", {});
  const summary = h("span", { class: "quiet cut grow" });
  const list = h("ul", {});
  const fold = button(texts.tray.fold, "down", { class: "bare", test: "tray-fold", onclick: () => {
    folded = !folded;
    show();
  } });
  const show = () => {
    list.hidden = folded;
    attr(fold, "aria-expanded", String(!folded));
    attr(fold, "aria-label", folded ? texts.tray.unfold : texts.tray.fold);
    attr(fold, "title", folded ? texts.tray.unfold : texts.tray.fold);
  };
  show();
  const close = button(texts.verb.dismiss, "close", { class: "bare", test: "tray-close", onclick: () => queue.tidy() });
  place.append(h("div", { class: "tray-head" }, title, summary, fold, close), list);

  const update = () => {
    const uploads = queue.uploads.filter((upload) => upload.phase !== "finished_cleanup" && upload.phase !== "paused_user");
    const active = uploads.filter((upload) => upload.stage !== "ended");
    place.hidden = uploads.length === 0;
    close.hidden = active.length > 0;
    say(title, active.length ? texts.tray.title(active.length) : texts.tray.done);
    const times = active.map((upload) => upload.progress?.left ?? null).filter((seconds) => seconds !== null);
    say(summary, [queue.speed > 0 ? `${size(queue.speed)}/s` : "", times.length ? left(Math.max(...times)) : ""].filter(Boolean).map((part) => ` · ${part}`).join(""));
    keyed(list, uploads, (upload) => upload.key, make);
  };
  queue.listen(update);
  update();
}

/** @param {Upload} first */
function make(first) {
  const name = h("a", { class: "name cut" });
  const state = h("span", { class: "small quiet" });
  const bar = new Bar();
  bar.el.removeAttribute("data-test");
  return {
    el: h("li", { "data-test": "tray-row" }, name, state, bar.el),
    /** @param {Upload} upload */
    update(upload) {
      const seen = figures({ key: upload.key, transfer: upload.transfer, upload, orphaned: false });
      const over = isOver(upload.phase);
      say(name, upload.name);
      attr(name, "href", upload.transfer?.image_id ? `/library/${upload.transfer.image_id}` : null);
      say(state, over || upload.phase !== "transferring" ? seen.state : `${seen.percent} %`);
      state.className = `small state ${tone(upload.phase)}`;
      bar.update(seen.size, seen.layers, { label: texts.row.progressOf(upload.name), value: seen.percent, text: [seen.state, seen.left].filter(Boolean).join(", ") });
    },
  };
}
