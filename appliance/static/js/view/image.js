/** One image: what it is, its checksum, where it lies, what happened to it. */

import { ApiError, remove, ROOT } from "../api.js";
import { poke, watch } from "../poll.js";
import { texts } from "../texts.js";
import { size } from "../units.js";
import { announce } from "./announce.js";
import { confirm } from "./confirm.js";
import { button, copy, h, icon, say, time } from "./dom.js";
import { eventsList } from "./events-list.js";
import { crumb, head, staleBanner } from "./head.js";
import { importStory } from "./import-story.js";
import { imagePill } from "./image-pill.js";
import { problemSlot } from "./problem.js";
import { sections } from "./stories.js";

/** @typedef {import("../types").Image} Image */

/** @param {import("./frame.js").Place} place */
export function show({ main, me, params: [id], title, go }) {
  const stale = staleBanner();
  const problem = problemSlot();
  const pill = imagePill({ test: "image-status" });
  /** @type {Image | null} */
  let shown = null;
  const download = h("a", { class: "button primary", download: true, href: `${ROOT}/images/${id}/data`, test: "download", hidden: true }, icon("download"), texts.verb.download);
  const erase = button(texts.verb.delete, "trash", { class: "danger", test: "delete", hidden: true, onclick: () => destroy() });
  const top = head("", pill.el, erase, download);
  const facts = h("dl", { class: "card facts", test: "facts", hidden: true });
  const refused = problemSlot();
  const rows = sections(me, (transfer) => /** @type {any} */ (transfer).image_id === id, () => false);
  const events = eventsList(`image=${id}`, stale.show, false);
  const story = importStory();
  const history = h("section", { class: "section" }, h("h2", {}, texts.image.events), events.el);
  main.append(h("div", {}, crumb(), top), stale.el, problem.el, refused.el, ...rows.elements, facts, story.el, history);
  rows.ondraw(() => {});

  const destroy = async () => {
    if (!shown) return;
    const { name, domain } = shown;
    if (!(await confirm({ title: texts.remove.title(name), text: texts.remove.text(name, size(shown.size), domain.name), verb: texts.remove.verb, keep: texts.remove.keep }))) return;
    try {
      await remove(`/images/${id}`);
      poke();
      go("/library");
    } catch (error) {
      problem.show(error instanceof ApiError ? error : { detail: String(error) });
    }
  };

  const stop = watch(`/images/${id}`, (/** @type {Image} */ image) => {
    shown = image;
    title(image.name);
    say(/** @type {Element} */ (top.firstElementChild), image.name);
    pill.update(image);
    download.hidden = image.status !== "ok";
    erase.hidden = image.status === "locked" || !(me.role === "admin" || (me.role === "uploader" && image.owner === me.name));
    refused.show(image.status === "illegal" ? { title: texts.image.refused, detail: image.reason ?? "", hint: texts.image.refusedHint } : null);
    story.follow(image.transfer_id);
    facts.hidden = false;
    facts.replaceChildren(...tell(image).map(([term, ...value]) => h("div", {}, h("dt", {}, term), h("dd", {}, ...value))));
  }, (error) => {
    if (error?.status === 404) {
      say(/** @type {Element} */ (top.firstElementChild), texts.image.none);
      problem.show({ title: texts.image.gone, hint: texts.image.goneHint });
      history.hidden = true;
    } else stale.show(error);
  });
  const stops = [stop, rows.stop, events.stop, story.stop];
  return () => stops.forEach((one) => one());
}

/**
 * @param {Image} image
 * @returns {[string, ...(Node | string | null)[]][]}
 */
function tell(image) {
  const words = texts.image;
  /** @type {[string, ...(Node | string | null)[]][]} */
  const rows = [
    [words.sha256, image.sha256 ? h("code", { test: "sha256-value" }, image.sha256) : h("span", { class: "quiet" }, image.status === "illegal" ? words.never : words.pending), image.sha256 ? copier(words.copySha, image.sha256) : null],
    [words.format, texts.format[image.format] ?? image.format, (image.format === "iso") === (image.content_type === "iso") ? null : h("span", { class: "quiet" }, image.content_type)],
    [words.size, size(image.size), h("span", { class: "quiet" }, `${image.size.toLocaleString("en")} bytes`)],
  ];
  if (image.virtual_size !== null && image.virtual_size !== image.size) rows.push([words.virtual, size(image.virtual_size)]);
  if (image.label) rows.push([words.label, image.label]);
  if (image.bootable !== null) rows.push([words.boots, image.bootable ? texts.upload.yes : texts.upload.no]);
  if (image.tags.length) rows.push([words.tags, h("ul", { class: "tags", test: "tags" }, ...image.tags.map((tag) => h("li", {}, tag)))]);
  const properties = Object.entries(image.properties);
  if (properties.length) rows.push([words.properties, h("ul", { class: "properties", test: "properties" }, ...properties.map(([name, value]) => h("li", {}, h("span", { class: "quiet" }, `${name} = `), value)))]);
  rows.push([words.domain, h("a", { href: `/domains/${image.domain.id}` }, image.domain.name)]);
  if (image.path) rows.push([words.path, h("code", { test: "path" }, image.path), copier(words.copyPath, image.path)]);
  rows.push([words.owner, image.owner], [words.created, time(image.created_at)]);
  if (image.completed_at) rows.push([words.completed, time(image.completed_at)]);
  return rows;
}

/**
 * @param {string} word
 * @param {string} text
 */
function copier(word, text) {
  const el = button(word, "copy", { class: "bare", test: "copy", onclick: async () => {
    await copy(text);
    announce(texts.image.copied);
    el.replaceChildren(icon("check", "good"));
    setTimeout(() => el.replaceChildren(icon("copy")), 1500);
  } });
  return el;
}
