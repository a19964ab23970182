/** The rows of transfers: the server's lists, and over them what this page knows better. */

import { begun } from "../begun.js";
import { claimed } from "../claims.js";
import * as memory from "../memory.js";
import { isOver, isPaused } from "../phase.js";
import { watch } from "../poll.js";
import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { count } from "../units.js";
import { h, keyed, say } from "./dom.js";
import { Row } from "./row.js";

/** @typedef {import("../types").Transfer} Transfer */
/** @typedef {import("../types").Me} Me */
/** @typedef {import("./row.js").Story} Story */

const LIMIT = 100;
/** Milliseconds between looks at which pages of this browser are still there. */
const LOOK = 1000;

/**
 * The three sections: running, unfinished, finished here.
 * @param {Me} me
 * @param {(transfer: {domain: {id: string}}) => boolean} concerns which transfers belong on this page
 * @param {(domain: string) => boolean} concernsDomain the same for uploads that the server does not know yet
 */
export function sections(me, concerns = () => true, concernsDomain = () => true) {
  /** All that the server has not finished, running ones included. @type {Transfer[]} */
  let known = [];
  const parts = /** @type {const} */ (["running", "unfinished", "finished"]).map((name) => {
    const list = h("ul", { class: "list", test: `list-${name}` });
    const number = h("span", { class: "small quiet" });
    return { name, list, number, el: h("section", { class: "section", hidden: true, test: name }, h("h2", {}, texts.overview[name], number), list) };
  });

  /** What pages of this browser are sending; null while that is not known. @type {Set<string> | null} */
  let alive = null;
  const orphaned = (/** @type {Transfer} */ transfer) => alive !== null && transfer.actions.includes("pause") && !isPaused(transfer.phase) && !alive.has(transfer.id) && memory.recall(transfer.id) !== null;

  /** A row walks from list to list with its transfer, and takes the focus along. @type {Map<string, Row>} */
  const rows = new Map();
  const rowOf = (/** @type {Story} */ story) => {
    const row = rows.get(story.key) ?? new Row(story, me);
    rows.set(story.key, row);
    row.el.setAttribute("data-key", story.key);
    return row;
  };

  const draw = () => {
    const focused = document.activeElement;
    /** @type {Record<string, Story[]>} */
    const stories = { running: [], unfinished: [], finished: [] };
    const seen = new Set();
    for (const upload of queue.uploads) {
      if (upload.transfer ? !concerns(upload.transfer) : !concernsDomain(upload.wish?.domain ?? "")) continue;
      const listed = upload.transfer && known.find(({ id }) => id === upload.transfer?.id);
      // While it is ours, what we know is newer than the list; afterwards somebody else may have gone on with it.
      if (upload.stage === "ended" && listed && Date.parse(listed.updated_at) >= Date.parse(upload.transfer?.updated_at ?? "")) upload.transfer = listed;
      const { transfer } = upload;
      if (transfer) seen.add(transfer.id);
      const { phase } = upload;
      if (isOver(phase)) {
        if (phase !== "finished_cleanup") stories.finished.push({ key: upload.key, transfer, upload, orphaned: false });
      } else if (upload.stage === "ended" && transfer && (isPaused(transfer.phase) || phase === "stopped")) {
        stories.unfinished.push({ key: upload.key, transfer, upload, orphaned: false });
      } else {
        stories.running.push({ key: upload.key, transfer, upload, orphaned: false });
      }
    }
    // What this page began may not be in the list yet, or not any more.
    const ours = begun.transfers.filter(({ id, phase }) => isOver(phase) || !known.some((one) => one.id === id));
    for (const transfer of ours) {
      seen.add(transfer.id);
      if (!concerns(transfer) || transfer.phase === "finished_cleanup") continue;
      const list = isOver(transfer.phase) ? "finished" : isPaused(transfer.phase) ? "unfinished" : "running";
      stories[list].push({ key: transfer.id, transfer, upload: null, orphaned: false });
    }
    for (const transfer of known) {
      if (seen.has(transfer.id) || !concerns(transfer)) continue;
      const lost = orphaned(transfer);
      stories[lost || isPaused(transfer.phase) ? "unfinished" : "running"].push({ key: transfer.id, transfer, upload: null, orphaned: lost });
    }
    for (const { name, list, number, el } of parts) {
      el.hidden = stories[name].length === 0;
      say(number, stories[name].length > 1 ? count(stories[name].length, stories[name].some(({ transfer }) => transfer?.direction === "download" || transfer?.import) ? "transfer" : "upload") : "");
      keyed(list, stories[name], (story) => story.key, rowOf);
    }
    const keys = new Set(Object.values(stories).flat().map(({ key }) => key));
    for (const key of rows.keys()) if (!keys.has(key)) rows.delete(key);
    if (focused instanceof HTMLElement && focused.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
    drawn(Object.values(stories).every((some) => some.length === 0));
  };
  const look = async () => {
    const now = await claimed();
    const same = now === alive || (now && alive && now.size === alive.size && [...now].every((id) => alive?.has(id)));
    alive = now;
    if (!same) draw();
  };
  const looking = setInterval(look, LOOK);
  look();
  /** @type {(empty: boolean) => void} */
  let drawn = () => {};
  const stops = [
    watch(`/transfers?state=unfinished&limit=${LIMIT}`, ({ items }) => {
      known = items;
      draw();
    }),
    queue.listen(draw),
    begun.listen(draw),
    () => clearInterval(looking),
  ];
  return {
    elements: parts.map(({ el }) => el),
    /** @param {(empty: boolean) => void} listener */
    ondraw(listener) {
      drawn = listener;
      draw();
    },
    stop: () => stops.forEach((stop) => stop()),
  };
}
