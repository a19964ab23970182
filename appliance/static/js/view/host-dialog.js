/** Add a host: where it is, and then the one command to be run there, which is shown once. */

import { ApiError, post } from "../api.js";
import { poke } from "../poll.js";
import { texts } from "../texts.js";
import { announce } from "./announce.js";
import { dialog } from "./confirm.js";
import { button, copy, h } from "./dom.js";
import { Field, input } from "./field.js";
import { problemSlot } from "./problem.js";

/** @typedef {import("../types").Host} Host */
/** @typedef {import("../types").Invitation} Invitation */

export function add() {
  const words = texts.hosts;
  const problem = problemSlot();
  const name = input("host-name", { required: true });
  const address = input("host-address", { required: true });
  const images = input("host-images-port", { type: "number", min: 1, max: 65535, value: 54322 });
  const control = input("host-control-port", { type: "number", min: 1, max: 65535, value: 54325 });
  const go = button(words.add, "", { class: "primary", type: "submit", test: "submit" });
  const back = button(texts.verb.cancel, "", { test: "back", onclick: () => element.close() });
  const port = (/** @type {string} */ value) => (/^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= 65535 ? "" : words.portWrong);
  const fields = [
    new Field(words.name, name, words.nameAbout, (value) => (value ? "" : words.nameMissing)), new Field(words.address, address, words.addressAbout, (value) => (value ? "" : words.addressMissing)),
    new Field(words.imagesPort, images, "", port), new Field(words.controlPort, control, "", port),
  ];
  const [first, second, ...ports] = fields.map(({ el }) => el);
  const body = h("div", { class: "dialog-body" }, problem.el, first, second, h("div", { class: "two" }, ...ports));
  const { element, form } = dialog(words.add, body, h("div", { class: "dialog-foot" }, h("span", { class: "grow" }), back, go));
  element.setAttribute("data-test", "host-dialog");
  name.focus();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    const flawed = fields.filter((field) => !field.judge());
    if (flawed.length) {
      flawed[0].control.focus();
      return;
    }
    go.disabled = true;
    problem.show(null);
    try {
      const wish = { name: name.value.trim(), address: address.value.trim(), images_port: Number(images.value), control_port: Number(control.value) };
      const invitation = await post("/hosts", wish);
      element.close();
      tell(invitation);
    } catch (error) {
      problem.show(error instanceof ApiError ? error : { detail: String(error) });
    } finally {
      go.disabled = false;
    }
  });
}

/** A new command for a host that has not been enrolled. @param {Host} host */
export async function enrol(host) {
  const problem = problemSlot();
  try {
    tell(await post(`/hosts/${host.id}/token`));
  } catch (error) {
    problem.show(error instanceof ApiError ? error : { detail: String(error) });
    dialog(texts.hosts.enrol, h("div", { class: "dialog-body" }, problem.el), h("div", { class: "dialog-foot" }), "narrow");
  }
}

/** @param {Invitation} invitation */
function tell({ host, command }) {
  const words = texts.hosts;
  poke();
  const code = h("textarea", { class: "input mono", readonly: true, rows: 5, test: "command", "aria-label": words.command, spellcheck: "false" }, command);
  const take = button(words.copy, "copy", { class: "primary", test: "copy-command", onclick: async () => {
    await copy(command);
    announce(words.copied);
  } });
  const done = button(words.done, "", { test: "done", onclick: () => element.close() });
  const { element } = dialog(words.enrolTitle(host.name), h("div", { class: "dialog-body" }, h("p", {}, words.enrolText), code, h("p", { class: "small quiet" }, words.enrolAfter)),
    h("div", { class: "dialog-foot" }, h("span", { class: "grow" }), done, take));
  element.setAttribute("data-test", "command-dialog");
  code.focus();
  code.select();
}
