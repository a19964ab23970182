/** What happened, newest first, with more on demand. */

import { ApiError, get } from "../api.js";
import { watch } from "../poll.js";
import { texts } from "../texts.js";
import { button, h, icon, keyed, time } from "./dom.js";

/** @typedef {import("../types").Event} Event */

const LIMIT = 50;
/** @type {Record<string, [string, string]>} symbol and tone */
const SIGNS = { info: ["info", ""], warning: ["warning", "warning"], error: ["warning", "bad"] };

/**
 * @param {string} query further parameters
 * @param {(error: ApiError | null) => void} failure
 * @param {boolean} linked whether an event leads to its image
 */
export function eventsList(query, failure, linked = true) {
  const list = h("ul", { class: "list", test: "events", hidden: true });
  const empty = h("p", { class: "quiet", hidden: true }, texts.events.empty);
  const more = button(texts.verb.more, "", { test: "more", hidden: true, onclick: () => further() });
  const path = `/events?limit=${LIMIT}${query ? `&${query}` : ""}`;
  /** @type {Map<number, Event>} */
  const known = new Map();
  /** @type {string | null} */
  let next = null;
  let opened = false;
  const draw = () => {
    const events = [...known.values()].sort((a, b) => b.id - a.id);
    list.hidden = events.length === 0;
    empty.hidden = events.length > 0;
    more.hidden = next === null;
    keyed(list, events, ({ id }) => String(id), (event) => line(event, linked));
  };
  const further = async () => {
    more.disabled = true;
    opened = true;
    try {
      const page = await get(`${path}&after=${encodeURIComponent(next ?? "")}`);
      for (const event of page.items) known.set(event.id, event);
      next = page.next;
      draw();
    } catch (error) {
      if (error instanceof ApiError) failure(error);
    }
    more.disabled = false;
  };
  const stop = watch(path, (page) => {
    for (const event of page.items) known.set(event.id, event);
    if (!opened) next = page.next;
    draw();
  }, failure);
  return { el: h("div", { class: "section" }, list, empty, more), stop };
}

/**
 * @param {Event} event
 * @param {boolean} linked
 */
function line(event, linked) {
  const [symbol, tone] = SIGNS[event.severity] ?? SIGNS.info;
  const about = [event.user ? texts.row.by(event.user) : "", event.image_name || !linked ? "" : event.code].filter(Boolean).join(" · ");
  const el = h("li", { class: "line event", test: "event", "data-code": event.code },
    h("span", { title: texts.events.severity[event.severity] }, icon(symbol, tone), h("span", { class: "unseen" }, texts.events.severity[event.severity] ?? event.severity)),
    h("span", { class: "message" }, ...(linked ? message(event) : [event.message]), ...(about ? [h("br"), h("span", { class: "small quiet" }, about)] : [])),
    h("span", { class: "end small quiet" }, time(event.time)));
  return { el, update: () => {} };
}

/**
 * The sentence, with the image's name in it as the way to it; where it does not name the image, the name follows.
 * @param {Event} event
 * @returns {(Node | string)[]}
 */
function message({ message: text, image_id: id, image_name: name }) {
  if (!id || !name) return [text];
  const link = h("a", { href: `/library/${id}` }, name);
  const at = text.indexOf(name);
  return at < 0 ? [`${text} · `, link] : [text.slice(0, at), link, text.slice(at + name.length)];
}
