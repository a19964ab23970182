/** The page's frame: walking between views without reloading, dropping and pasting anywhere, the warning before leaving. */

import * as abilities from "../abilities.js";
import { keepPageWhile } from "../api.js";
import { queue } from "../queue.js";
import { texts } from "../texts.js";
import { announce, listen } from "./announce.js";
import { attr, h, icon } from "./dom.js";
import { mayUpload, upload } from "./head.js";
import * as tray from "./tray.js";

/** @typedef {import("../types").Me} Me */
/** @typedef {{show: (place: Place) => () => void}} View */

/**
 * @typedef {object} Place where a view shows itself
 * @property {HTMLElement} main
 * @property {Me} me
 * @property {string[]} params of the path
 * @property {(text: string) => void} title sets the page's title
 * @property {(path: string) => void} go
 * @property {() => void} close whatever the view started is ended
 */

/** @type {[RegExp, string, string, () => Promise<View>][]} pattern, entry of the navigation, title, view */
const ROUTES = [
  [/^\/$/, "/", texts.nav.overview, () => import("./overview.js")],
  [/^\/library$/, "/library", texts.nav.library, () => import("./library.js")],
  [/^\/library\/([A-Za-z0-9-]+)$/, "/library", texts.nav.library, () => import("./image.js")],
  [/^\/domains\/([A-Za-z0-9-]+)$/, "/library", texts.nav.library, () => import("./domain.js")],
  [/^\/hosts$/, "/hosts", texts.nav.hosts, () => import("./hosts.js")],
  [/^\/events$/, "/events", texts.nav.events, () => import("./events.js")],
  [/^\/settings$/, "/settings", texts.nav.settings, () => import("./settings.js")],
];

/** @param {Me} me */
export function start(me) {
  const main = /** @type {HTMLElement} */ (document.getElementById("main"));
  tray.mount(/** @type {HTMLElement} */ (document.getElementById("tray")));
  listen();
  banners(me);
  keepPageWhile(() => queue.busy);
  addEventListener("beforeunload", (event) => {
    if (queue.busy) event.preventDefault();
  });
  if (mayUpload(me) && abilities.lacking().length === 0) takeFiles();

  let leave = () => {};
  let turn = 0;
  /** @param {boolean} walked by a click, and not by loading the page */
  const render = async (walked) => {
    turn += 1;
    const mine = turn;
    const route = ROUTES.find(([pattern]) => pattern.test(location.pathname)) ?? ROUTES[0];
    const [pattern, entry, title, load] = route;
    for (const link of document.querySelectorAll(".nav a")) attr(link, "aria-current", link.getAttribute("href") === entry ? "page" : null);
    const params = (pattern.exec(location.pathname) ?? []).slice(1);
    const view = await load();
    if (mine !== turn) return;
    leave();
    main.replaceChildren();
    document.title = `${title} · ${texts.product}`;
    leave = view.show({
      main, me, params, go,
      title: (text) => {
        document.title = `${text} · ${texts.product}`;
      },
      close: () => leave(),
    });
    if (walked) {
      scrollTo(0, 0);
      main.focus({ preventScroll: true });
      announce(title);
    }
  };
  /** @param {string} path */
  const go = (path) => {
    if (path !== location.pathname + location.search) history.pushState(null, "", path);
    render(true);
  };
  addEventListener("popstate", () => render(true));
  document.addEventListener("click", (event) => {
    const link = /** @type {HTMLElement} */ (event.target).closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.origin !== location.origin || link.hasAttribute("download") || link.target || !ROUTES.some(([pattern]) => pattern.test(link.pathname))) return;
    if (link.hash) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
  render(false);
}

/** Files dropped or pasted anywhere. */
function takeFiles() {
  const sign = /** @type {HTMLElement} */ (document.getElementById("dropping"));
  const carries = (/** @type {DragEvent} */ event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  // A question or a resume is open: files belong to its own field.
  const taken = () => document.querySelector("dialog[open]:not([data-test=upload-dialog])") !== null;
  addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    sign.hidden = document.querySelector("dialog[open]") !== null;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) sign.hidden = true;
  });
  addEventListener("drop", (event) => {
    sign.hidden = true;
    if (!carries(event)) return;
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length && !taken()) upload({ files });
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || taken()) return;
    event.preventDefault();
    upload({ files });
  });
}

/** What the whole page must know: no network, a browser that cannot upload, a login that ended. @param {Me} me */
function banners(me) {
  const place = /** @type {HTMLElement} */ (document.getElementById("banners"));
  const lacking = abilities.lacking();
  if (lacking.length && mayUpload(me)) place.append(h("p", { class: "notice warning", role: "alert", test: "lacking" }, icon("warning"), h("span", {}, texts.lacking(lacking))));
  const offline = h("p", { class: "notice warning", role: "alert", test: "offline" });
  const update = () => {
    if (navigator.onLine) offline.remove();
    else if (!offline.isConnected) {
      place.append(offline);
      offline.replaceChildren(icon("warning"), h("span", {}, texts.banner.offline));
    }
  };
  addEventListener("online", update);
  addEventListener("offline", update);
  update();
}
