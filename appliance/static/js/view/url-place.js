/** Where an image is: its URL, what opens it there, and the button that asks. */

import * as imports from "../imports.js";
import { texts } from "../texts.js";
import { attr, button, h, say } from "./dom.js";
import { Field, input } from "./field.js";
import { problemSlot } from "./problem.js";

const words = texts.imports;
/** Errors that a login may mend. */
const CLOSED = ["source-forbidden", "bad-credentials"];

export class UrlPlace {
  /**
   * @param {() => void} ask Query was pressed, or Enter in one of the fields
   * @param {() => void} changed what was found there counts no more
   */
  constructor(ask, changed) {
    /** What can be imported, once that is known. @type {import("../types").Methods} */
    this.methods = { schemes: [], compressions: [], formats: [], targets: [], steps: [] };
    const enter = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      ask();
    };
    const secret = { type: "password", autocomplete: "new-password", onkeydown: enter };
    this.url = new Field(words.url, input("url", { type: "url", maxlength: 4096, placeholder: words.urlPlace, onkeydown: enter }), words.urlAbout([], []), (value) => imports.urlFlaw(value, this.methods.schemes));
    this.query = button(words.query, "", { test: "query", onclick: ask });
    const beside = h("div", { class: "beside" });
    this.url.control.replaceWith(beside);
    beside.append(this.url.control, this.query);
    this.problem = problemSlot({ id: "url-problem" });
    attr(this.url.control, "aria-describedby", `${this.url.control.getAttribute("aria-describedby")} ${this.problem.el.id}`);
    this.user = new Field(words.user, input("url-user", { maxlength: 255, onkeydown: enter }), "", () => "");
    this.password = new Field(words.password, input("url-password", { maxlength: 1024, ...secret }), "", () => "");
    this.bearer = new Field(words.bearer, input("url-bearer", { maxlength: 8192, ...secret }), words.bearerAbout, (value) => (value && (this.user.value || this.password.control.value) ? words.both : ""));
    this.login = h("details", { test: "login-details" }, h("summary", {}, words.login),
      h("div", { class: "section" }, h("p", { class: "small quiet" }, words.loginAbout), h("div", { class: "two" }, this.user.el, this.password.el), this.bearer.el));
    this.el = h("div", { class: "section", oninput: changed }, this.url.el, this.problem.el, this.login);
  }

  /** @param {import("../types").Methods} methods */
  know(methods) {
    this.methods = methods;
    say(this.url.about, words.urlAbout(methods.schemes, methods.compressions));
  }

  get given() {
    return { url: this.url.value, user: this.user.value, password: this.password.control.value, bearer: this.bearer.value };
  }

  get server() {
    return imports.source(this.url.value);
  }

  /** Whether it can be asked; goes to what is wrong if not. */
  judge() {
    const flawed = [this.url, this.bearer].filter((field) => !field.judge());
    if (flawed[0] === this.bearer) this.login.open = true;
    flawed[0]?.control.focus();
    return flawed.length === 0;
  }

  /** @param {boolean} yes somebody waits for the answer */
  wait(yes) {
    attr(this.query, "aria-busy", yes ? "true" : null);
  }

  /** @param {import("./problem.js").Problem & {code?: string} | null} problem that the source has, or we with it */
  show(problem) {
    this.problem.show(problem);
    attr(this.url.control, "aria-invalid", problem ? "true" : null);
    if (!problem) return;
    if (CLOSED.includes(problem.code ?? "")) this.login.open = true;
    this.url.control.focus();
  }
}
