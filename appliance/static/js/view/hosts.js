/** The hosts that storage domains lie on: how they are, and, for administrators, in or out of service. */

import { ApiError, post, remove } from "../api.js";
import { stateOf } from "../fleet.js";
import { poke, watch } from "../poll.js";
import { texts } from "../texts.js";
import { day } from "../units.js";
import { announce } from "./announce.js";
import { confirm } from "./confirm.js";
import { attr, button, h, icon, keyed, say } from "./dom.js";
import { head, staleBanner } from "./head.js";
import { problemSlot } from "./problem.js";

/** @typedef {import("../types").Host} Host */

/** @type {Record<string, string>} */
const TONES = { up: "good", down: "bad", maintenance: "warning", strange: "warning" };

/** @param {import("./frame.js").Place} place */
export function show({ main, me }) {
  const stale = staleBanner();
  const problem = problemSlot();
  const admin = me.role === "admin";
  const list = h("ul", { class: "list", hidden: true, test: "hosts" });
  const empty = h("p", { class: "quiet", hidden: true }, texts.hosts.empty);
  const add = admin ? button(texts.hosts.add, "plus", { class: "primary", test: "add-host", onclick: async () => (await import("./host-dialog.js")).add() }) : null;
  main.append(head(texts.nav.hosts, add), stale.el, problem.el, list, empty);

  /**
   * Does it, and tells how it went.
   * @param {() => Promise<unknown>} act
   * @param {string} done
   */
  const attempt = async (act, done) => {
    problem.show(null);
    try {
      await act();
      announce(done);
      poke();
    } catch (error) {
      problem.show(error instanceof ApiError ? error : { detail: String(error) });
    }
  };

  const stop = watch("/hosts", ({ items }) => {
    list.hidden = items.length === 0;
    empty.hidden = items.length > 0;
    keyed(list, items, (/** @type {Host} */ host) => host.id, (host) => line(host, admin, attempt));
  }, stale.show);
  return stop;
}

/**
 * @param {Host} first
 * @param {boolean} admin
 * @param {(act: () => Promise<unknown>, done: string) => Promise<void>} attempt
 */
function line(first, admin, attempt) {
  const words = texts.hosts;
  let host = first;
  const name = h("strong", { class: "cut" });
  const about = h("span", { class: "small quiet", test: "about" });
  const reason = h("span", { class: "small", test: "reason" });
  const pill = h("span", { class: "pill", test: "host-status" });
  const enrol = button(words.enrol, "check", { test: "enrol", onclick: async () => (await import("./host-dialog.js")).enrol(host) });
  const rest = button(words.maintain, "pause", { test: "maintenance", onclick: async () => {
    const { name, transfers } = host;
    if (await confirm({ title: words.maintainTitle(name), text: words.maintainText(name, transfers), verb: words.maintain, keep: texts.verb.cancel })) {
      await attempt(() => post(`/hosts/${host.id}/maintenance`), words.maintained(name));
    }
  } });
  const wake = button(words.activate, "play", { test: "activate", onclick: () => attempt(() => post(`/hosts/${host.id}/activate`), words.activated(host.name)) });
  const erase = button(words.remove, "trash", { class: "bare", test: "remove-host", onclick: async () => {
    const { name } = host;
    if (await confirm({ title: words.removeTitle(name), text: words.removeText(name), verb: words.remove, keep: words.keep })) {
      await attempt(() => remove(`/hosts/${host.id}`), words.removed(name));
    }
  } });
  const verbs = h("span", { class: "toolbar" }, ...(admin ? [enrol, rest, wake, erase] : []));
  return {
    el: h("li", { class: "line host", test: "host" }, icon("hosts"), h("span", {}, name, h("br"), about, h("br"), reason), pill, verbs),
    /** @param {Host} now */
    update(now) {
      host = now;
      say(name, host.name);
      const own = host.address.startsWith("unix:");
      attr(about, "title", own ? host.address : null);
      say(about, [
        own ? words.here : host.address, host.domains.length ? `${words.domains}: ${host.domains.join(", ")}` : "", words.transfers(host.transfers),
        host.certificate_expires_at ? words.certificate(day(Date.parse(host.certificate_expires_at))) : "",
      ].filter(Boolean).join(" · "));
      say(reason, host.reason ?? "");
      const state = stateOf(host);
      say(pill, words.status[state]);
      pill.className = `pill ${TONES[state]}`;
      enrol.hidden = host.enrolled;
      rest.hidden = !host.enrolled || host.status === "maintenance";
      wake.hidden = host.status !== "maintenance";
      erase.hidden = own;
      for (const [verb, word] of /** @type {[HTMLElement, string][]} */ ([[enrol, words.enrol], [rest, words.maintain], [wake, words.activate], [erase, words.remove]])) {
        verb.setAttribute("aria-label", `${word} ${host.name}`);
      }
    },
  };
}
