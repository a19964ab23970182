/** One polite region that tells, to those who do not see it, how uploads go: at the start, each quarter, pause and end. */

import { news as arrivalNews } from "../arrival.js";
import { begun } from "../begun.js";
import { standing } from "../imports.js";
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

/** What was said last of each, by its key. @type {Map<string, string>} */
const told = new Map();

/** @param {Upload} upload */
function milestone(upload) {
  const { phase } = upload;
  if (phase === "transferring" && upload.sender) {
    const quarter = Math.floor(percent(upload.sender.plan.durableBytes, upload.file.size) / 25) * 25;
    return quarter > 0 && quarter < 100 ? `${quarter} percent` : "started";
  }
  return phase === "offline" || phase === "waiting" ? word(phase).toLowerCase() : turn(phase);
}

/** @param {import("../types").Transfer} transfer an import */
function stage(transfer) {
  if (transfer.phase === "finalizing_success") return arrivalNews(transfer);
  if (transfer.phase !== "transferring") return turn(transfer.phase);
  const quarter = Math.floor((standing(transfer, "").percent ?? 0) / 25) * 25;
  return quarter > 0 ? `${quarter} percent` : "started";
}

/** The news in a phase as such. @param {string} phase */
function turn(phase) {
  if (phase === "finalizing_success" || isPaused(phase) || isOver(phase)) return word(phase).toLowerCase();
  return "";
}

/** @param {string} key @param {string} name @param {string} news */
function tell(key, name, news) {
  if (!news || told.get(key) === news) return;
  told.set(key, news);
  announce(texts.announce(name, news));
}

/** Follow what this page began. */
export function listen() {
  queue.listen(() => {
    for (const upload of queue.uploads) tell(upload.key, upload.name, milestone(upload));
  });
  begun.listen(() => {
    for (const transfer of begun.transfers) tell(transfer.id, transfer.name, stage(transfer));
  });
}
