/** Asks for the file of an unfinished upload, and makes sure that it is the same. */

import * as memory from "../memory.js";
import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { size } from "../units.js";
import { dialog } from "./confirm.js";
import { button, h, say } from "./dom.js";
import { chooser } from "./chooser.js";
import { problemSlot } from "./problem.js";

/** @typedef {import("../types").Transfer} Transfer */

/**
 * @param {Transfer} transfer
 * @returns {Promise<void>} when the dialog is closed
 */
export function open(transfer) {
  return new Promise((resolve) => {
    const note = memory.recall(transfer.id);
    const status = h("span", { class: "grow", role: "status" });
    const problem = problemSlot();
    const choose = chooser({ multiple: false, slim: false, words: texts.resume.drop, onfiles: (files) => attempt(files[0]) });
    const body = h("div", { class: "dialog-body" },
      h("p", {}, texts.resume.what(transfer.name, size(transfer.size), note && note.file !== transfer.name ? note.file : "")),
      h("p", { class: "quiet" }, texts.toGo(transfer.size - transfer.durable_bytes)), choose.el, problem.el);
    const cancel = button(texts.verb.back, "", { onclick: () => element.close() });
    const { element } = dialog(texts.resume.title(transfer.name), body, h("div", { class: "dialog-foot" }, status, cancel), "narrow");
    choose.input.focus();
    element.addEventListener("close", () => resolve());

    /** @param {File | undefined} file */
    async function attempt(file) {
      if (!file) return;
      problem.show(null);
      if (file.size !== transfer.size) {
        problem.show({ title: texts.resume.wrong, detail: texts.resume.wrongSize(file.name, exactly(file.size, transfer.size), exactly(transfer.size, file.size)), hint: texts.resume.wrongHint });
        return;
      }
      choose.disable(true);
      say(status, texts.resume.comparing(file.name));
      try {
        await queue.resume(transfer, file);
        element.close();
      } catch (error) {
        const told = /** @type {any} */ (error);
        problem.show(told.code === "different-file" ? { title: told.detail, hint: texts.resume.wrongHint, id: told.id } : told.title ? told : { title: texts.resume.unreadable, detail: told.message });
      }
      choose.disable(false);
      say(status, "");
    }
  });
}

/**
 * Sizes that read alike are told to the byte.
 * @param {number} one
 * @param {number} other
 */
function exactly(one, other) {
  return size(one) === size(other) ? `${one.toLocaleString("en")} bytes` : size(one);
}
