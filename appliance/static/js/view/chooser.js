/** Pick, drop or paste: a real file field with its label, and a frame around it that takes drops. */

import { serial } from "../serial.js";
import { h, icon } from "./dom.js";

/**
 * @param {{multiple: boolean, slim: boolean, words: {title: string, button: string, limits?: string}, onfiles: (files: File[]) => void}} options
 */
export function chooser({ multiple, slim, words, onfiles }) {
  const id = serial("file");
  const input = h("input", { type: "file", id, multiple, test: "file-input", onchange: () => {
    const files = [...(input.files ?? [])];
    // The same file chosen twice must count twice.
    input.value = "";
    if (files.length) onfiles(files);
  } });
  const limits = words.limits ? h("span", { class: "small quiet" }, words.limits) : null;
  const el = h("div", { class: `drop ${slim ? "slim" : ""}`, test: "drop-zone" }, icon("upload"), h("span", { class: slim ? "grow" : "" }, words.title),
    input, h("label", { class: "button", for: id }, words.button), limits);
  el.addEventListener("dragenter", () => el.classList.add("over"));
  el.addEventListener("dragleave", (event) => {
    if (!el.contains(/** @type {Node | null} */ (event.relatedTarget))) el.classList.remove("over");
  });
  el.addEventListener("dragover", (event) => event.preventDefault());
  el.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    el.classList.remove("over");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length && !input.disabled) onfiles(multiple ? files : files.slice(0, 1));
  });
  return {
    el,
    input,
    /** @param {boolean} off */
    disable(off) {
      input.disabled = off;
    },
  };
}
