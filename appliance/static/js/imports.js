/** Imports, which the appliance itself fetches: what is asked of it to begin one, and how one stands, in numbers and words. */

import { doing, far, running } from "./arrival.js";
import { digest } from "./digest.js";
import { pace } from "./pace.js";
import { forms, kept, properties, tags } from "./storing.js";
import { texts } from "./texts.js";
import { left, percent, size, sizeOf, span, when } from "./units.js";

/** @typedef {import("./types").Transfer} Transfer */
/** @typedef {import("./types").Found} Found */
/** @typedef {{url: string, user: string, password: string, bearer: string, find: boolean}} Place */
/** @typedef {{name: string, domain: string, checksum: string, start: string, form: import("./storing.js").Form, tags: string, properties: string}} Wish */
/**
 * @typedef {object} Standing
 * @property {string} state in a word
 * @property {string} words behind it
 * @property {number | null} percent null while nobody knows
 * @property {string} left time
 * @property {number} rate bytes a second
 * @property {import("./view/bar.js").Layer[]} layers of `size`
 * @property {number} size
 */

/** The longest that one may be put off, milliseconds. */
const LONGEST_WAIT = 366 * 86_400_000;

/** The name of the server that a URL leads to, or the URL itself. @param {string} url */
export function source(url) {
  return /^[a-z]+:\/\/([^/?#]+)/i.exec(url)?.[1] ?? url;
}

/**
 * What can be said of a URL before anybody is asked.
 * @param {string} url
 * @param {string[]} schemes that are imported from; none while that is not known
 * @returns {string} empty when nothing is wrong
 */
export function urlFlaw(url, schemes) {
  if (!url) return texts.imports.urlMissing;
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1].toLowerCase();
  if (!scheme || /^[^/]+:\d+(\/|$)/.test(url)) return texts.imports.urlBare;
  return schemes.length && !schemes.includes(scheme) ? texts.imports.urlScheme(scheme, schemes) : "";
}

/**
 * @param {string} local time as a field gives it, in this browser's zone; empty for at once
 * @param {Date} [now]
 */
export function startFlaw(local, now = new Date()) {
  if (!local) return "";
  const ahead = Date.parse(local) - now.getTime();
  if (Number.isNaN(ahead)) return texts.imports.startNone;
  // A minute that has begun is the one that a clock shows.
  if (ahead < -60_000) return texts.imports.startPast;
  return ahead > LONGEST_WAIT ? texts.imports.startFar : "";
}

/** @param {Place} place */
export function query({ url, user, password, bearer, find }) {
  return { url, user, password, bearer, find_checksum: find };
}

/**
 * @param {Place} place
 * @param {Wish} wish
 */
export function order(place, { name, domain, checksum, start, form, tags: words, properties: lines }) {
  return {
    ...query(place), name, domain, format: form.format, compressed: form.compressed, tags: tags(words), properties: properties(lines),
    checksum: place.find || !checksum ? null : digest(checksum),
    not_before: start ? new Date(start).toISOString() : null,
  };
}

/** Bytes of the image: what is packed is unpacked. Null while nobody knows. @param {Found} found */
export function unpackedSize(found) {
  return found.compression ? found.unpacked_size : found.size;
}

/**
 * What is wrong with an image of this kind, for appliances that do not take it.
 * @param {Found} found
 * @param {import("./types").Methods} methods what is taken; nothing while that is not known
 */
export function formatFlaw({ format }, { formats, targets }) {
  const taken = !formats.length || (formats.includes(format) && forms(format, targets).length > 0);
  return taken ? "" : texts.imports.notTaken(texts.format[format] ?? format);
}

/**
 * The question whether there is room for it under that name. Where nobody knows how large it will be, its download must fit at least.
 * @param {Found} found
 * @param {Wish} wish
 */
export function check(found, { name, domain, form }) {
  const whole = Math.max(1, unpackedSize(found) ?? found.size ?? 1);
  return { name, domain, format: kept(found.format, form), size: whole, initial_size: found.compression && found.size ? Math.min(whole, found.size) : null, client: "api" };
}

/**
 * What was found, for a list of facts.
 * @param {Found} found
 * @returns {[string, string][]}
 */
export function facts(found) {
  const words = texts.imports;
  /** @type {[string, string][]} */
  const rows = [[words.file, found.name], [words.size, found.size === null ? words.untold : size(found.size)]];
  if (found.compression) rows.push([words.packed, words.packedAs(found.compression, found.unpacked_size === null ? "" : size(found.unpacked_size))]);
  rows.push([words.detected, texts.format[found.format] ?? found.format], [words.resumes, found.resumable ? words.resumable : words.restarts]);
  return rows;
}

/** @param {Transfer} transfer one that is an import @returns {import("./types").Import} */
function of(transfer) {
  return /** @type {import("./types").Import} */ (transfer.import);
}

/** Where it comes from, in words. @param {Transfer} transfer */
export function origin(transfer) {
  const { url } = of(transfer);
  return transfer.phase === "transferring" ? texts.imports.fetching(source(url)) : texts.imports.origin(source(url));
}

/** It has not begun, or was paused before anything came: its turn comes. @param {Transfer} transfer */
function waits({ phase, durable }) {
  return phase === "initializing" || (phase === "resuming" && durable.length === 0);
}

/** Its time has not come. @param {Transfer} transfer @param {Date} [now] */
export function scheduled(transfer, now = new Date()) {
  const { import: at } = transfer;
  return waits(transfer) && Boolean(at?.not_before) && Date.parse(at?.not_before ?? "") > now.getTime();
}

/**
 * How it stands; for those that are not over.
 * @param {Transfer} transfer
 * @param {string} state its phase in a word, for phases that imports share with uploads
 * @param {Date} [now]
 * @returns {Standing}
 */
export function standing(transfer, state, now = new Date()) {
  const { phase } = transfer;
  const at = of(transfer);
  const empty = { state, words: "", percent: null, left: "", rate: 0, layers: [], size: transfer.size };
  if (waits(transfer)) {
    const later = scheduled(transfer, now);
    return { ...empty, percent: 0, state: later ? texts.imports.scheduled : texts.imports.waiting, words: later ? texts.imports.starts(when(at.not_before ?? now, now)) : "" };
  }
  if (phase === "finalizing_success") return checking(transfer, empty, now);
  const moving = phase === "transferring";
  const told = moving ? texts.imports.importing : state;
  const fetched = { ...empty, state: told, rate: moving ? at.rate : 0 };
  if (!at.source_size) {
    const layers = [{ tone: "sent", ranges: /** @type {[number, number][]} */ ([[0, 1]]) }];
    return { ...fetched, words: texts.imports.soFar(size(at.fetched_bytes)), layers: moving ? layers : [], size: 1 };
  }
  const rest = Math.max(0, at.source_size - at.fetched_bytes);
  return {
    ...fetched,
    percent: Math.min(99, percent(at.fetched_bytes, at.source_size)),
    words: sizeOf(at.fetched_bytes, at.source_size),
    left: moving && at.rate > 0 && rest > 0 ? left(rest / at.rate) : "",
    size: at.source_size,
    // Where a packed file's bytes lie in the image, nobody can tell.
    layers: [{ tone: "sent", ranges: [[0, at.fetched_bytes]] }, { tone: "durable", ranges: at.compression ? [[0, at.fetched_bytes]] : transfer.durable }],
  };
}

/**
 * What is done once all bytes are there.
 * @param {Transfer} transfer
 * @param {Standing} empty
 * @param {Date} now
 * @returns {Standing}
 */
function checking(transfer, empty, now) {
  const step = running(transfer);
  const { verify } = transfer;
  return {
    ...empty, ...far(step ?? verify, 1),
    state: step ? doing(transfer, step) : texts.imports.verifying,
    words: step?.message || (verify ? texts.row.checking(texts.step[verify.step] ?? verify.step, size(transfer.size)) : ""),
    left: step ? left(pace.left(transfer.id, step, now.getTime() / 1000)) : "",
  };
}

/**
 * The sentence beside it: why nothing comes, why it rests, or what it had to do again.
 * @param {Transfer} transfer
 * @param {boolean} mine it may be resumed by who looks
 * @param {Date} [now]
 * @returns {{text: string, calm: boolean}}
 */
export function note(transfer, mine, now = new Date()) {
  const { phase, reason } = transfer;
  const at = of(transfer);
  if (phase === "paused_user" || phase === "paused_system") {
    const kept = transfer.expires_at ? (Date.parse(transfer.expires_at) - now.getTime()) / 1000 : 0;
    const how = at.compression ? "unpacksAnew" : at.resumable ? "goesOn" : "beginsAnew";
    const next = mine ? texts.imports[transfer.durable.length ? how : "waitsAgain"] : "";
    const words = [reason ? `${reason}${/[.!?]$/.test(reason) ? "" : "."}` : "", next, kept > 0 ? texts.row.expires(span(kept)) : ""];
    return { text: words.filter(Boolean).join(" "), calm: phase === "paused_user" };
  }
  if (at.trouble && (phase === "transferring" || waits(transfer))) return { text: `${at.trouble} ${texts.imports.again}`, calm: false };
  return { text: phase === "transferring" && at.restarts ? texts.imports.restarted(at.restarts) : "", calm: true };
}
