/** Where an image comes from, what it is, where it goes: from this computer, or from a URL. */

import { texts } from "../texts.js";
import { poke, watch } from "../poll.js";
import { dialog } from "./confirm.js";
import { button, h, say } from "./dom.js";
import { FilesPanel } from "./files-panel.js";
import { tabs } from "./tabs.js";
import { UrlPanel } from "./url-panel.js";

/** The dialog that is open, if any. @type {UploadDialog | null} */
let current = null;

/**
 * Open it, or add to the one that is open.
 * @param {{files?: File[], domain?: string | null, url?: boolean}} what `domain`: id to go to; `url`: begin with the tab for URLs
 */
export function open({ files = [], domain = null, url = false }) {
  current ??= new UploadDialog(domain, url);
  if (files.length) current.add(files);
}

class UploadDialog {
  /**
   * @param {string | null} domain
   * @param {boolean} url
   */
  constructor(domain, url) {
    this.busy = false;
    this.files = new FilesPanel(domain, (said) => this.update(this.files, said));
    this.url = new UrlPanel(domain, () => this.update(this.url));
    /** @type {(FilesPanel | UrlPanel)[]} */
    this.panels = [this.files, this.url];
    /** The one that is shown. */
    this.panel = this.panels[0];
    this.tabs = tabs(texts.imports.tabs, [
      { name: "files", word: texts.imports.computer, panel: this.files.el }, { name: "url", word: texts.imports.tab, panel: this.url.el },
    ], (index) => {
      this.panel = this.panels[index];
      this.update(this.panel);
    });
    this.note = h("span", { class: "grow", role: "status" });
    this.submit = button(texts.upload.go(1), "", { class: "primary", type: "submit", test: "submit", disabled: true });
    const back = button(texts.verb.cancel, "", { test: "back", onclick: () => this.element.close() });
    const body = h("div", { class: "dialog-body" }, this.tabs.el, this.files.el, this.url.el);
    const { element, form } = dialog(texts.upload.title, body, h("div", { class: "dialog-foot" }, this.note, back, this.submit));
    this.element = element;
    element.setAttribute("data-test", "upload-dialog");
    const leave = watch("/domains", ({ items }) => {
      for (const panel of this.panels) panel.offer(items);
      this.update(this.panel);
    });
    element.addEventListener("close", () => {
      leave();
      for (const panel of this.panels) panel.leave();
      current = null;
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go();
    });
    this.tabs.choose(url ? 1 : 0);
    this.panel.focus();
  }

  /** @param {File[]} files */
  add(files) {
    this.tabs.choose(0);
    this.files.add(files);
  }

  /**
   * @param {FilesPanel | UrlPanel} panel that has changed
   * @param {string} [said] news, in place of the panel's note
   */
  update(panel, said) {
    if (panel !== this.panel) return;
    this.submit.disabled = this.busy || !panel.ready;
    say(this.submit, panel.verb);
    say(this.note, said || panel.note);
  }

  async go() {
    if (this.submit.disabled) return;
    const { panel } = this;
    // A second press of the button finds it gone.
    this.busy = true;
    this.update(panel);
    const row = await panel.go();
    this.busy = false;
    this.update(panel);
    if (!row) {
      // The button that had the focus lost it while it could not be pressed.
      if (!this.element.contains(document.activeElement)) this.submit.focus();
      return;
    }
    this.element.close();
    poke();
    focusRow(row);
  }
}

/**
 * The focus goes where the story goes on, as soon as there is a row.
 * @param {string} key
 */
function focusRow(key) {
  let tries = 20;
  const look = () => {
    const row = document.querySelector(`[data-key="${key}"]`);
    tries -= 1;
    if (row instanceof HTMLElement) row.focus();
    else if (tries > 0) setTimeout(look, 50);
  };
  setTimeout(look, 50);
}
