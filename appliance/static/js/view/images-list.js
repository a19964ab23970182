/** A list of images that keeps itself fresh, with more on demand. */

import { ApiError, get } from "../api.js";
import { watch } from "../poll.js";
import { texts } from "../texts.js";
import { ago, exact, size } from "../units.js";
import { attr, button, h, icon, keyed, say } from "./dom.js";
import { imagePill } from "./image-pill.js";

/** @typedef {import("../types").Image} Image */

const LIMIT = 50;

/**
 * @param {string | null} domain id, or all
 * @param {(error: ApiError | null) => void} failure
 */
export function imagesList(domain, failure) {
  const list = h("ul", { class: "list", test: "images", hidden: true });
  const empty = h("div", { class: "card empty", hidden: true }, icon("iso"), h("strong", {}, texts.library.empty), h("p", {}, texts.library.emptyHint));
  const more = button(texts.verb.more, "", { test: "more", hidden: true, onclick: () => further() });
  const query = `limit=${LIMIT}${domain ? `&domain=${encodeURIComponent(domain)}` : ""}`;
  /** @type {Image[]} */
  let first = [];
  /** @type {Image[]} */
  let rest = [];
  /** @type {string | null} */
  let next = null;
  const draw = () => {
    const seen = new Set(first.map(({ id }) => id));
    const images = [...first, ...rest.filter(({ id }) => !seen.has(id))];
    list.hidden = images.length === 0;
    empty.hidden = images.length > 0;
    more.hidden = next === null;
    keyed(list, images, ({ id }) => id, line);
  };
  const further = async () => {
    more.disabled = true;
    try {
      const page = await get(`/images?${query}&after=${encodeURIComponent(next ?? "")}`);
      rest = [...rest, ...page.items];
      next = page.next;
      draw();
    } catch (error) {
      if (error instanceof ApiError) failure(error);
    }
    more.disabled = false;
  };
  const stop = watch(`/images?${query}`, (page) => {
    first = page.items;
    if (rest.length === 0) next = page.next;
    draw();
  }, failure);
  return { el: h("div", { class: "section" }, list, empty, more), stop };
}

/** @param {Image} first */
function line(first) {
  const symbol = icon(first.format === "iso" ? "iso" : "data");
  const name = h("strong", { class: "cut" });
  const about = h("span", { class: "small quiet cut" });
  const narrow = h("span", { class: "narrow-only" });
  const place = h("span", {});
  about.append(narrow, place);
  const bytes = h("span", { class: "end wide-only" });
  const format = h("span", { class: "quiet wide-only" }, first.format);
  const when = h("span", { class: "quiet wide-only" });
  const pill = imagePill();
  const el = h("a", { class: "line image", href: `/library/${first.id}` }, symbol, h("span", { class: "cut" }, name, h("br"), about), bytes, format, when, h("span", { class: "end" }, pill.el));
  return {
    el: h("li", { test: "image", "data-image": first.id }, el),
    /** @param {Image} image */
    update(image) {
      say(name, image.name);
      attr(name, "title", image.name);
      say(narrow, `${size(image.size)} · `);
      say(place, [image.domain.name, texts.row.by(image.owner), image.label, image.bootable ? texts.library.bootable : ""].filter(Boolean).join(" · "));
      say(bytes, size(image.size));
      say(when, ago(image.completed_at ?? image.created_at));
      attr(when, "title", exact(image.completed_at ?? image.created_at));
      pill.update(image);
    },
  };
}
