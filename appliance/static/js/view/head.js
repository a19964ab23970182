/** What stands at the head of every view: its title, the Upload button, a word about data that is old. */

import * as abilities from "../abilities.js";
import { texts } from "../texts.js";
import { button, h, icon, say } from "./dom.js";

/** @typedef {import("../types").Me} Me */

/** @param {Me} me */
export function mayUpload(me) {
  return me.role !== "viewer";
}

/**
 * Open the upload dialog, for the storage domain whose page is shown if it is one.
 * @param {{files?: File[], url?: boolean}} what `url`: begin with the tab for URLs
 */
export async function upload(what = {}) {
  const [, domain = null] = /^\/domains\/([A-Za-z0-9-]+)$/.exec(location.pathname) ?? [];
  const dialog = await import("./upload-dialog.js");
  dialog.open({ ...what, domain });
}

/** The Upload button. @param {Me} me */
export function uploadButton(me) {
  if (!mayUpload(me)) return null;
  return button(texts.verb.uploadImage, "upload", { class: "primary", test: "upload-button", disabled: abilities.lacking().length > 0, onclick: () => upload() });
}

/** The way to an import without a detour. @param {Me} me */
export function importButton(me) {
  return mayUpload(me) ? button(texts.imports.button, "", { test: "import-button", onclick: () => upload({ url: true }) }) : null;
}

/**
 * @param {string} title
 * @param {...(Node | null)} extra
 */
export function head(title, ...extra) {
  return h("div", { class: "head" }, h("h1", { class: "title", test: "title" }, title), ...extra);
}

/** The way back to all images. */
export function crumb() {
  return h("nav", { class: "crumb", "aria-label": texts.image.crumb }, h("a", { href: "/library" }, icon("left"), texts.image.crumb));
}

/** A banner that a view shows while its data is old. */
export function staleBanner() {
  const el = h("p", { class: "notice warning", hidden: true, role: "status", test: "stale" }, icon("warning"), h("span", {}));
  return {
    el,
    /** @param {import("../api.js").ApiError | null} error */
    show(error) {
      el.hidden = !error;
      if (!error) return;
      const text = /** @type {Element} */ (el.lastElementChild);
      if (error.status === 401) text.replaceChildren(`${texts.banner.login} `, h("a", { href: "/login", target: "_blank" }, texts.banner.loginLink));
      else say(text, error.status === 0 ? texts.banner.stale : `${error.title}. ${error.detail} ${error.hint}`);
    },
  };
}
