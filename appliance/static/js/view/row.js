/** One transfer as a row that tells its story without a click: name, bar, words, rate, time left, and the verbs. */

import { failure, far, mood } from "../arrival.js";
import * as imports from "../imports.js";
import * as memory from "../memory.js";
import { isChecking, isOver, isSending, rests, tone, verbs, word } from "../phase.js";
import { total } from "../ranges.js";
import { SAMPLES } from "../rate.js";
import { texts } from "../texts.js";
import { ago, exact, left, percent, size, sizeOf, sizeParts, span } from "../units.js";
import { Bar } from "./bar.js";
import { attr, button, h, icon, say, svg } from "./dom.js";
import { problemSlot } from "./problem.js";
import { ImportFoot } from "./steps.js";
import * as verb from "./verbs.js";

/** @typedef {import("../types").Transfer} Transfer */
/** @typedef {import("../types").Me} Me */
/** @typedef {import("../upload.js").Upload} Upload */
/** @typedef {{key: string, transfer: Transfer | null, upload: Upload | null, orphaned: boolean}} Story */
/** `percent`: null while nobody knows it. @typedef {{size: number, layers: import("./bar.js").Layer[], percent: number | null, state: string, words: string, left: string, rate: number, samples: number[]}} Figures */

/** The phase to show: this page knows best, then this browser, then the server. @param {Story} story */
function phaseOf({ transfer, upload, orphaned }) {
  return upload?.phase ?? (orphaned ? "orphaned" : transfer?.phase ?? "preparing");
}

/**
 * Everything a row and the tray show of a transfer, in numbers and words.
 * @param {Story} story
 * @returns {Figures}
 */
export function figures(story) {
  const { transfer, upload } = story;
  const phase = phaseOf(story);
  const live = upload && upload.stage !== "ended" ? upload : null;
  const whole = transfer?.size ?? upload?.file.size ?? 0;
  const state = word(phase, transfer?.direction);
  const seen = { size: whole, state, words: "", left: "", rate: 0, samples: /** @type {number[]} */ ([]) };
  if (isOver(phase)) {
    const failed = phase !== "finished_success";
    return { ...seen, percent: 100, layers: [{ tone: phase === "finished_success" ? "done" : phase === "finished_failure" ? "failed" : "still", ranges: [[0, whole]] }], words: failed ? "" : size(whole) };
  }
  if (transfer?.import) return { ...imports.standing(transfer, state), samples: [] };
  if (isChecking(phase)) {
    const verify = transfer?.verify ?? null;
    return { ...seen, ...far(verify, whole), words: texts.row.checking(verify ? texts.step[verify.step] ?? verify.step : "", size(whole)) };
  }
  const bar = live?.bar ?? { durable: transfer?.durable ?? [], sent: [], zeros: [] };
  const safe = live ? total(bar.durable) : transfer?.durable_bytes ?? 0;
  // While it moves, what is on its way counts too; once it rests, only what is safe.
  const held = rests(phase) || !isSending(phase) ? safe : Math.min(whole, safe + (live ? total(bar.sent) : Math.max(0, (transfer?.transferred_bytes ?? 0) - safe)));
  const zeros = total(bar.zeros);
  const ahead = live || rests(phase) ? [] : beyond(transfer);
  const layers = [
    { tone: "sent", ranges: live ? bar.sent : ahead },
    { tone: "durable", ranges: bar.durable },
    { tone: "zero", ranges: bar.zeros },
  ];
  const moving = phase === "transferring" ? live?.progress : null;
  const amount = percent(held, whole);
  const shown = whole > 0 && held >= whole ? 99 : amount;
  const words = rests(phase) && transfer?.direction !== "download" ? texts.row.safe(sizeOf(held, whole), transfer?.host?.name ?? "") : zeros > 0 ? texts.row.zeros(size(held - zeros), size(zeros)) : sizeOf(held, whole);
  return {
    ...seen, percent: shown, layers, words, left: moving ? left(moving.left) : "",
    rate: moving?.speed ?? 0, samples: live?.progress?.rate.samples ?? [],
  };
}

/** What has come in but is not yet safe, of a transfer that another program sends. @param {Transfer | null} transfer @returns {[number, number][]} */
function beyond(transfer) {
  if (!transfer || transfer.transferred_bytes <= transfer.durable_bytes) return [];
  const last = transfer.durable[transfer.durable.length - 1]?.[1] ?? 0;
  return [[last, Math.min(transfer.size, last + transfer.transferred_bytes - transfer.durable_bytes)]];
}

/** @param {number[]} samples */
export function sparkline(samples) {
  const top = Math.max(...samples, 1) * 1.15;
  const step = 96 / Math.max(1, samples.length - 1);
  return samples.map((value, index) => `${(index * step).toFixed(1)},${(28 - (value / top) * 26).toFixed(1)}`).join(" ");
}

/** Phases in which nothing has come yet. */
const BEFORE = ["queued", "preparing", "initializing"];

export class Row {
  /**
   * @param {Story} story
   * @param {Me} me
   */
  constructor(story, me) {
    this.me = me;
    this.story = story;
    this.name = h("a", { class: "name" });
    this.origin = h("span", { class: "small quiet origin", test: "origin" });
    this.bar = new Bar();
    this.state = h("span", { class: "state", test: "state" });
    this.words = h("span", {});
    this.left = h("span", { class: "left" });
    this.line = svg("polyline", {});
    this.area = svg("path", {});
    this.spark = svg("svg", { class: "spark", viewBox: "0 0 96 28", preserveAspectRatio: "none", "aria-hidden": "true" }, this.area, this.line);
    this.rate = h("div", { class: "rate" });
    this.pause = button(texts.verb.pause, "pause", { class: "bare", test: "pause", onclick: () => this.act(verb.pause) });
    this.resume = button(texts.verb.resume, "", { test: "resume", onclick: () => this.act(verb.resume) });
    this.show = h("a", { class: "button", test: "show-image" }, texts.verb.show);
    this.dismiss = button(texts.verb.dismiss, "close", { class: "bare", test: "dismiss", onclick: () => this.act(verb.dismiss) });
    this.cancel = button(texts.verb.cancel, "close", { class: "bare", test: "cancel", onclick: () => this.act(verb.cancel) });
    this.note = h("div", { hidden: true, test: "note" }, icon("warning"), h("span", {}));
    this.problem = problemSlot({ class: "problem" });
    this.el = h("li", { class: "row", test: "row", tabindex: -1 },
      h("div", { class: "who-what" }, this.name, this.origin),
      h("div", { class: "story" }, this.bar.el, h("div", { class: "words" }, h("span", { class: "cut" }, this.state, this.words), this.left)),
      this.spark, this.rate, h("div", { class: "verbs" }, this.show, this.resume, this.pause, this.cancel, this.dismiss), this.note, this.problem.el);
    this.problem.el.style.setProperty("grid-column", "1 / -1");
    /** @type {import("./problem.js").Problem | null} */
    this.trouble = null;
    /** @type {ImportFoot | null} */
    this.foot = null;
    /** The rates of an import, of each answer of the server. @type {number[]} */
    this.rates = [];
    /** The newest of these answers. @type {Transfer | null} */
    this.sampled = null;
  }

  /**
   * @param {Transfer} transfer an import
   * @param {number} rate
   */
  sample(transfer, rate) {
    if (transfer !== this.sampled) this.rates = rate ? [...this.rates, rate].slice(-SAMPLES) : [];
    this.sampled = transfer;
    return this.rates;
  }

  /** @param {(story: Story, me: Me) => Promise<void>} what */
  async act(what) {
    this.trouble = null;
    this.update(this.story);
    try {
      await what(this.story, this.me);
    } catch (error) {
      this.trouble = /** @type {any} */ (error);
    }
    this.update(this.story);
  }

  /** @param {Story} story */
  update(story) {
    this.story = story;
    const { transfer, upload } = story;
    const name = transfer?.name ?? upload?.name ?? "";
    const phase = phaseOf(story);
    attr(this.el, "data-transfer", transfer?.id ?? null);
    attr(this.el, "data-phase", phase);
    say(this.name, name);
    attr(this.name, "title", name);
    attr(this.name, "href", transfer?.image_id && phase !== "finished_cleanup" ? `/library/${transfer.image_id}` : null);
    this.tellOrigin(story);
    const shown = figures(story);
    if (transfer?.import) shown.samples = this.sample(transfer, shown.rate);
    const told = [shown.state, isOver(phase) || shown.percent === null ? "" : `${shown.percent} percent`, shown.left].filter(Boolean).join(", ");
    this.bar.update(shown.size, shown.layers, { label: texts.row.progressOf(name), value: shown.percent, text: told });
    this.bar.el.classList.toggle("seeking", isChecking(phase) || shown.percent === null);
    say(this.state, shown.state);
    this.state.className = `state ${tone(phase)}`;
    const between = isOver(phase) || shown.percent === null || BEFORE.includes(phase) ? "" : ` · ${shown.percent} %`;
    say(this.words, `${between}${shown.words ? ` · ${shown.words}` : ""}`);
    say(this.left, shown.left);
    const [digits, unit] = sizeParts(shown.rate);
    this.rate.replaceChildren(...(shown.rate ? [digits, h("span", {}, ` ${unit}/s`)] : []));
    const points = shown.samples.length > 1 && isSending(phase) ? sparkline(shown.samples) : "";
    this.line.setAttribute("points", points);
    this.area.setAttribute("d", points ? `M0,28 L${points.replaceAll(" ", " L")} L96,28 Z` : "");
    this.offer(phase, story, name);
    const problem = this.trouble ?? upload?.problem ?? (transfer?.import && phase === "finished_failure" ? failure(transfer) : null);
    this.problem.show(problem);
    const { text: note, calm } = problem ? { text: "", calm: true } : explain(phase, story, this.me);
    this.note.hidden = !note;
    if (this.note.className !== `notice ${calm ? "calm" : "warning"}`) {
      this.note.className = `notice ${calm ? "calm" : "warning"}`;
      this.note.firstElementChild?.replaceWith(icon(calm ? "info" : "warning"));
    }
    say(/** @type {Element} */ (this.note.lastElementChild), note);
    if (transfer?.import) this.tellSteps(name, transfer.import.steps, mood(phase));
  }

  /**
   * @param {string} name of an import
   * @param {import("../types").ImportStep[]} steps
   * @param {import("../arrival.js").Mood} now
   */
  tellSteps(name, steps, now) {
    if (!this.foot) {
      this.foot = new ImportFoot();
      this.el.append(this.foot.el);
    }
    this.foot.update(name, steps, now);
  }

  /** @param {Story} story */
  tellOrigin({ transfer, upload, orphaned }) {
    const parts = [transfer?.domain.name ?? upload?.wish?.domainName ?? ""];
    if (transfer) parts.push(`${texts.row.by(transfer.owner)}${upload || memory.recall(transfer.id) ? ` ${texts.row.fromHere}` : ""}`);
    if (transfer?.import) parts.push(imports.origin(transfer));
    if (transfer?.client === "ovirt") parts.push(texts.row.ovirt(transfer.direction));
    if (transfer && (orphaned || rests(transfer.phase))) parts.push(texts.row.started(ago(transfer.created_at)));
    say(this.origin, parts.filter(Boolean).join(" · "));
    if (transfer) attr(this.origin, "title", texts.row.started(exact(transfer.created_at)));
  }

  /**
   * Only the verbs that can be done now.
   * @param {string} phase
   * @param {Story} story
   * @param {string} name
   */
  offer(phase, { transfer, upload, orphaned }, name) {
    const local = upload && upload.stage !== "ended";
    const can = transfer ? verbs(transfer, this.me, orphaned) : { pause: false, resume: false, cancel: upload?.stage === "queued" };
    const over = isOver(phase);
    this.pause.hidden = !can.pause || upload?.stage === "pausing";
    this.resume.hidden = !can.resume || Boolean(local);
    this.cancel.hidden = !can.cancel || over;
    this.dismiss.hidden = !((transfer?.import && over) || (upload?.stage === "ended" && (over || phase === "replaced" || !transfer)));
    this.show.hidden = !(over && transfer?.image_id && phase !== "finished_cleanup");
    if (transfer?.image_id) attr(this.show, "href", `/library/${transfer.image_id}`);
    say(this.resume, upload || verb.needsNoFile(transfer) ? texts.verb.resume : texts.verb.resumeFile);
    for (const [element, word] of [[this.pause, texts.verb.pause], [this.cancel, texts.verb.cancel], [this.resume, texts.verb.resume], [this.show, texts.verb.show], [this.dismiss, texts.verb.dismiss]]) {
      attr(/** @type {Element} */ (element), "aria-label", `${word} ${name}`);
    }
  }
}

/**
 * The sentence beside a row that waits for something. What somebody chose is no reason to worry.
 * @param {string} phase
 * @param {Story} story
 * @param {Me} me
 */
function explain(phase, { transfer, upload, orphaned }, me) {
  if (transfer?.import) return imports.note(transfer, verbs(transfer, me).resume);
  const calm = phase === "paused_user";
  if (phase === "offline") return { text: texts.waiting.offline, calm };
  if (phase === "waiting") return { text: upload?.progress?.why ?? "", calm };
  if (!transfer || !rests(phase)) return { text: "", calm };
  if (orphaned) return { text: `${texts.row.orphaned} ${texts.toGo(transfer.size - transfer.durable_bytes)}`, calm };
  const why = transfer.reason ? `${transfer.reason}${/[.!?]$/.test(transfer.reason) ? "" : "."} ` : "";
  const mine = verbs(transfer, me).resume;
  const rest = transfer.client === "ovirt" ? texts.row.ovirtToGo : texts.toGo(transfer.size - transfer.durable_bytes);
  const next = mine ? (upload ? texts.row.resumeHere : rest) : "";
  const until = transfer.expires_at && Date.parse(transfer.expires_at) > Date.now() ? ` ${texts.row.expires(span((Date.parse(transfer.expires_at) - Date.now()) / 1000))}` : "";
  return { text: `${why}${next}${until}`.trim(), calm };
}
