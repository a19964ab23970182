/** The tray at the lower edge: this page's uploads and imports, wherever one walks. */

import { begun } from "../begun.js";
import { scheduled } from "../imports.js";
import { isChecking, isOver, isPaused, tone } from "../phase.js";
import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { left, size } from "../units.js";
import { Bar } from "./bar.js";
import { attr, button, h, keyed, say } from "./dom.js";
import { figures } from "./row.js";

/** @typedef {import("./row.js").Story} Story */

/** What the tray shows: uploads of this page, and imports that it began. @returns {Story[]} */
function stories() {
  const uploads = queue.uploads.filter(({ phase }) => phase !== "finished_cleanup" && phase !== "paused_user");
  const imported = begun.transfers.filter((transfer) => transfer.phase !== "finished_cleanup" && transfer.phase !== "paused_user" && !scheduled(transfer));
  return [
    ...uploads.map((upload) => ({ key: upload.key, transfer: upload.transfer, upload, orphaned: false })),
    ...imported.map((transfer) => ({ key: transfer.id, transfer, upload: null, orphaned: false })),
  ];
}

/** It moves, or will by itself. @param {Story} story */
function active({ transfer, upload }) {
  return upload ? upload.stage !== "ended" : transfer !== null && !isOver(transfer.phase) && !isPaused(transfer.phase);
}

/** @param {HTMLElement} place */
export function mount(place) {
  // On a small screen it would lie over the page it accompanies.
  let folded = matchMedia("(max-width: 760px), (max-height: 600px)").matches;
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
  const close = button(texts.verb.dismiss, "close", { class: "bare", test: "tray-close", onclick: () => {
    queue.tidy();
    begun.tidy();
  } });
  place.append(h("div", { class: "tray-head" }, title, summary, fold, close), list);

  const update = () => {
    const shown = stories();
    const moving = shown.filter(active);
    place.hidden = shown.length === 0;
    close.hidden = moving.length > 0;
    say(title, moving.length ? texts.tray.title(moving.filter(({ upload }) => upload).length, moving.filter(({ upload }) => !upload).length) : texts.tray.done);
    const times = queue.uploads.filter((upload) => upload.stage !== "ended").map((upload) => upload.progress?.left ?? null).filter((seconds) => seconds !== null);
    const speed = queue.speed + begun.speed;
    say(summary, [speed > 0 ? `${size(speed)}/s` : "", times.length ? left(Math.max(...times)) : ""].filter(Boolean).map((part) => ` · ${part}`).join(""));
    keyed(list, shown, ({ key }) => key, make);
  };
  begun.listen(update);
  queue.listen(update);
  update();
  // The page ends above it, whatever it shows: nothing at its end lies under the tray for good.
  new ResizeObserver(() => document.documentElement.style.setProperty("--tray", `${place.offsetHeight}px`)).observe(place);
}

/**
 * How one stands, in as few words as there is room for.
 * @param {string} phase
 * @param {import("./row.js").Figures} seen
 */
function figure(phase, { state, percent }) {
  if (percent === null || isOver(phase)) return state;
  if (phase === "transferring") return `${percent} %`;
  return isChecking(phase) ? `${state} · ${percent} %` : state;
}

function make() {
  const name = h("a", { class: "name cut" });
  const state = h("span", { class: "small quiet" });
  const bar = new Bar();
  bar.el.removeAttribute("data-test");
  return {
    el: h("li", { "data-test": "tray-row" }, name, state, bar.el),
    /** @param {Story} story */
    update(story) {
      const { transfer, upload } = story;
      const seen = figures(story);
      const phase = upload?.phase ?? transfer?.phase ?? "";
      const title = upload?.name ?? transfer?.name ?? "";
      say(name, title);
      attr(name, "title", title);
      attr(name, "href", transfer?.image_id ? `/library/${transfer.image_id}` : null);
      say(state, figure(phase, seen));
      state.className = `small state ${tone(phase)}`;
      bar.update(seen.size, seen.layers, { label: texts.row.progressOf(title), value: seen.percent, text: [seen.state, seen.left].filter(Boolean).join(", ") });
    },
  };
}
