/** The rows of transfers: the server's lists, and over them what this page knows better. */

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

/**
 * The three sections: running, unfinished, finished here.
 * @param {Me} me
 * @param {(transfer: {domain: {id: string}}) => boolean} concerns which transfers belong on this page
 * @param {(domain: string) => boolean} concernsDomain the same for uploads that the server does not know yet
 */
export function sections(me, concerns = () => true, concernsDomain = () => true) {
  /** @type {Record<string, Transfer[]>} */
  const known = { running: [], unfinished: [] };
  const parts = /** @type {const} */ (["running", "unfinished", "finished"]).map((name) => {
    const list = h("ul", { class: "list", test: `list-${name}` });
    const number = h("span", { class: "small quiet" });
    return { name, list, number, el: h("section", { class: "section", hidden: true, test: name }, h("h2", {}, texts.overview[name], number), list) };
  });

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
      const listed = upload.transfer && [...known.running, ...known.unfinished].find(({ id }) => id === upload.transfer?.id);
      // While it is ours, what we know is newer than the list; afterwards somebody else may have gone on with it.
      const transfer = upload.stage === "ended" && listed && Date.parse(listed.updated_at) >= Date.parse(upload.transfer?.updated_at ?? "") ? listed : upload.transfer;
      if (transfer) seen.add(transfer.id);
      const { phase } = upload;
      if (isOver(phase)) {
        if (phase !== "finished_cleanup") stories.finished.push({ key: upload.key, transfer, upload });
      } else if (upload.stage === "ended" && transfer && (isPaused(transfer.phase) || phase === "stopped")) {
        stories.unfinished.push({ key: upload.key, transfer, upload });
      } else {
        stories.running.push({ key: upload.key, transfer, upload });
      }
    }
    for (const name of ["running", "unfinished"]) {
      for (const transfer of known[name]) if (!seen.has(transfer.id) && concerns(transfer)) stories[name].push({ key: transfer.id, transfer, upload: null });
    }
    for (const { name, list, number, el } of parts) {
      el.hidden = stories[name].length === 0;
      say(number, stories[name].length > 1 ? count(stories[name].length, "upload") : "");
      keyed(list, stories[name], (story) => story.key, rowOf);
    }
    const keys = new Set(Object.values(stories).flat().map(({ key }) => key));
    for (const key of rows.keys()) if (!keys.has(key)) rows.delete(key);
    if (focused instanceof HTMLElement && focused.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
    drawn(Object.values(stories).every((some) => some.length === 0));
  };
  /** @type {(empty: boolean) => void} */
  let drawn = () => {};
  const stops = [
    ...["running", "unfinished"].map((state) => watch(`/transfers?state=${state}&limit=${LIMIT}`, ({ items }) => {
      known[state] = items;
      draw();
    })),
    queue.listen(draw),
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
