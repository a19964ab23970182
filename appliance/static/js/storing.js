/** How an imported image is kept: in which format, with which tags and properties; and which of these words the server does not take. */

import { texts } from "./texts.js";

/** @typedef {import("./types").Found} Found */
/**
 * @typedef {object} Form a format to keep an image in
 * @property {string} key
 * @property {string} word
 * @property {string | null} format null: as it is
 * @property {boolean} compressed
 * @property {boolean} converts the host makes another file of it
 */

/** What a machine can run as it is. Disks of other kinds are converted. */
const RUNNABLE = ["raw", "qcow2", "iso"];
/** As the server has them. */
const MOST = 128;
const LONGEST_WORD = 255;
const LONGEST_TEXT = 65_535;

/**
 * The forms in which a file of this format can be kept, the usual one first; none where nothing here converts it.
 * @param {string} format at its source
 * @param {string[]} targets that are converted to
 * @returns {Form[]}
 */
export function forms(format, targets) {
  const { asItIs, compressed: packed } = texts.storing;
  /** @type {Form[]} */
  const offered = RUNNABLE.includes(format) ? [{ key: "as-it-is", word: asItIs(format), format: null, compressed: false, converts: false }] : [];
  for (const target of [...targets].sort((a, b) => Number(a === "raw") - Number(b === "raw"))) {
    // A machine can boot from an ISO that lies on a plain disk: not a byte of it changes.
    if (format === "iso" && target !== "raw") continue;
    if (target !== format) offered.push({ key: target, word: target, format: target, compressed: false, converts: format !== "iso" });
    if (target === "qcow2") offered.push({ key: `${target}-compressed`, word: packed(target), format: target, compressed: true, converts: true });
  }
  return offered;
}

/** What the image will be. @param {string} found format at its source @param {Form} form */
export function kept(found, { format }) {
  return format ?? found;
}

/**
 * What an image may be called: a name that ends in its format at the source ends in that of the disk it is converted to.
 * @param {string} name
 * @param {Form} form
 */
export function named(name, { format, converts }) {
  return converts ? name.replace(/\.(vmdk|vdi|vhdx?|vpc|qcow2?|img|raw)$/i, `.${format}`) : name;
}

/** What choosing it means. @param {Form} form */
export function about({ format, compressed, converts }) {
  const { storing } = texts;
  if (!format) return storing.untouched;
  if (!converts) return storing.plainDisk;
  return compressed ? storing.convertedCompressed(format) : storing.converted(format);
}

/**
 * What is wrong with a form in a storage domain.
 * @param {Form} form
 * @param {import("./types").Domain | null} domain
 */
export function formFlaw({ converts }, domain) {
  return converts && domain && !domain.steps.includes("convert") ? texts.storing.neverConverts(domain.name) : "";
}

/** @param {string} text separated by commas or lines */
export function tags(text) {
  return [...new Set(text.split(/[,\n]/).map((tag) => tag.trim()).filter(Boolean))];
}

/** @param {string} text */
export function tagsFlaw(text) {
  const given = tags(text);
  const long = given.find((tag) => [...tag].length > LONGEST_WORD);
  if (long) return texts.storing.tagLong(`${long.slice(0, 24)}…`, LONGEST_WORD);
  return given.length > MOST ? texts.storing.tagsMany(MOST) : "";
}

/** The lines that say something, with their numbers. @param {string} text @returns {{number: number, name: string, value: string | null}[]} */
function lines(text) {
  return text.split("\n").map((line, index) => ({ line: line.trim(), number: index + 1 })).filter(({ line }) => line).map(({ line, number }) => {
    const at = line.indexOf("=");
    return at < 0 ? { number, name: line, value: null } : { number, name: line.slice(0, at).trim(), value: line.slice(at + 1).trim() };
  });
}

/** @param {string} text lines of `name=value` @returns {Record<string, string>} */
export function properties(text) {
  return Object.fromEntries(lines(text).map(({ name, value }) => [name, value ?? ""]));
}

/** @param {string} text */
export function propertiesFlaw(text) {
  const words = texts.storing;
  const seen = new Set();
  for (const { number, name, value } of lines(text)) {
    if (value === null) return words.lineBare(number);
    if (!name) return words.lineNameless(number);
    if (seen.has(name)) return words.lineTwice(number, name);
    if ([...name].length > LONGEST_WORD || [...value].length > LONGEST_TEXT) return words.lineLong(number, LONGEST_WORD);
    seen.add(name);
  }
  return seen.size > MOST ? words.propertiesMany(MOST) : "";
}

/** Which field an error is about, where its code says it. @type {Record<string, string>} */
const BLAMED = { "bad-name": "name", "name-taken": "name", "format-refused": "format", "bad-checksum": "checksum", "no-checksum": "checksum" };

/**
 * The fields that an error of the server is about, with what it says of each; none when it is about something else.
 * @param {{code: string, detail: string, hint: string, details: Record<string, any>}} problem
 * @returns {[string, string][]}
 */
export function blamed({ code, detail, hint, details }) {
  const field = BLAMED[code];
  if (field) return [[field, [detail, hint].filter(Boolean).join(" ")]];
  if (code !== "invalid") return [];
  /** @type {{field: string, reason: string}[]} */
  const found = Array.isArray(details.fields) ? details.fields : [/^(?<field>[\w.]+): (?<reason>.+)$/s.exec(detail)?.groups].filter(Boolean);
  // `tags.3` and `properties.os` are about the field as a whole.
  return found.map(({ field: name, reason }) => [name.split(".")[0], sentence(reason)]);
}

/** @param {string} clause */
function sentence(clause) {
  const text = clause.charAt(0).toUpperCase() + clause.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
