/** One polite region that tells, to those who do not see it, how uploads go: at the start, each quarter, pause and end. */

import { isOver, isPaused, word } from "../phase.js";
import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { percent } from "../units.js";

/** @typedef {import("../upload.js").Upload} Upload */

/** @type {string[]} */
const pending = [];
/** @type {ReturnType<typeof setTimeout> | null} */
let timer = null;

/** @param {string} text */
export function announce(text) {
  pending.push(text);
  timer ??= setTimeout(() => {
    timer = null;
    const region = document.getElementById("polite");
    if (region) region.textContent = pending.splice(0).join(" ");
  }, 150);
}

/** @type {WeakMap<Upload, string>} */
const told = new WeakMap();

/** @param {Upload} upload */
function milestone(upload) {
  const { phase } = upload;
  if (phase === "transferring" && upload.sender) {
    const quarter = Math.floor(percent(upload.sender.plan.durableBytes, upload.file.size) / 25) * 25;
    return quarter > 0 && quarter < 100 ? `${quarter} percent` : "started";
  }
  if (phase === "offline" || phase === "waiting" || phase === "finalizing_success" || isPaused(phase) || isOver(phase)) return word(phase).toLowerCase();
  return "";
}

/** Follow the queue. */
export function listen() {
  queue.listen(() => {
    for (const upload of queue.uploads) {
      const news = milestone(upload);
      if (!news || told.get(upload) === news) continue;
      told.set(upload, news);
      announce(texts.announce(upload.name, news));
    }
  });
}
