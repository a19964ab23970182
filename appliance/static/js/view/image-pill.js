/** The state of an image as a pill. */

import { texts } from "../texts.js";
import { attr, h, say } from "./dom.js";

const TONES = { ok: "good", locked: "warning", illegal: "bad" };

/** @param {Record<string, any>} attributes */
export function imagePill(attributes = {}) {
  const el = h("span", { ...attributes, hidden: true });
  return {
    el,
    /** @param {import("../types").Image} image */
    update({ status, reason, completed_at: completed }) {
      el.hidden = false;
      el.className = `pill ${TONES[status]}`;
      // What is there already does not arrive: somebody reads it, or writes it anew.
      say(el, texts.library.status[status === "locked" && completed ? "used" : status]);
      attr(el, "title", reason);
    },
  };
}
