/** Numbers as a person reads them: one unit system, three significant digits, nothing that wobbles. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/**
 * `bytes` split into digits and unit, for where the two are set in different weights.
 * @param {number} bytes
 * @returns {[string, string]}
 */
export function sizeParts(bytes) {
  let value = Math.max(0, bytes);
  let unit = 0;
  // 999.5 would be written 1000 with three digits: the next unit reads better.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return [String(Math.round(value)), "B"];
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return [value.toFixed(digits), UNITS[unit]];
}

/**
 * `bytes` in words: 0 B, 999 B, 1.00 KiB, 74.2 GiB, 612 GiB.
 * @param {number} bytes
 */
export function size(bytes) {
  return sizeParts(bytes).join(" ");
}

/**
 * "1.81 of 3.36 GiB", or "512 MiB of 3.36 GiB" when the units differ.
 * @param {number} part bytes
 * @param {number} whole bytes
 */
export function sizeOf(part, whole) {
  const [digits, unit] = sizeParts(part);
  const [total, totalUnit] = sizeParts(whole);
  return unit === totalUnit ? `${digits} of ${total} ${unit}` : `${digits} ${unit} of ${total} ${totalUnit}`;
}

/**
 * Whole percent, rounded down, and never 100 before it is all there.
 * @param {number} part
 * @param {number} whole
 */
export function percent(part, whole) {
  if (whole <= 0 || part >= whole) return 100;
  return Math.max(0, Math.min(99, Math.floor((part / whole) * 100)));
}

/**
 * Time left in words: "4 s left", "2 min left", "3 h 20 min left", "2 days left"; "" when unknown.
 * @param {number | null} seconds
 */
export function left(seconds) {
  const words = span(seconds);
  return words && `${words} left`;
}

/**
 * @param {number | null} seconds
 */
export function span(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "";
  if (seconds < 55) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${Math.max(1, minutes)} min`;
  if (minutes < 24 * 60) return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
  const days = Math.round(minutes / 1440);
  return days === 1 ? "1 day" : `${days} days`;
}

/**
 * How long ago, or how soon: "just now", "4 min ago", "yesterday 17:42", "12 Oct 2026", "in 3 days".
 * @param {string | number | Date} when
 * @param {Date} now
 */
export function ago(when, now = new Date()) {
  const then = new Date(when);
  const seconds = (now.getTime() - then.getTime()) / 1000;
  if (Number.isNaN(seconds)) return "";
  if (seconds < -45) return `in ${span(-seconds)}`;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  if (then >= midnight) return `${Math.round(seconds / 3600)} h ago`;
  if (midnight.getTime() - then.getTime() <= 86_400_000) return `yesterday ${clock(then)}`;
  return day(then);
}

/**
 * When something will be: "at 22:00", "tomorrow at 22:00", "12 Oct 2026 at 22:00".
 * @param {string | number | Date} moment
 * @param {Date} now
 */
export function when(moment, now = new Date()) {
  const then = new Date(moment);
  const tomorrow = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
  const date = day(then) === day(now) ? "" : day(then) === day(tomorrow) ? "tomorrow " : `${day(then)} `;
  return `${date}at ${clock(then)}`;
}

/** @param {Date} date */
function clock(date) {
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * "12 Oct 2026"
 * @param {string | number | Date} when
 */
export function day(when) {
  const date = new Date(when);
  return `${date.getDate()} ${MONTHS[date.getMonth()]} ${date.getFullYear()}`;
}

/**
 * "12 Oct 2026 17:42:07": the whole truth, for a title.
 * @param {string | number | Date} when
 */
export function exact(when) {
  const date = new Date(when);
  return `${day(date)} ${clock(date)}:${two(date.getSeconds())}`;
}

/** @param {number} number */
function two(number) {
  return String(number).padStart(2, "0");
}

/**
 * "1 image", "14 images", "no images".
 * @param {number} number
 * @param {string} noun
 */
export function count(number, noun) {
  return `${number === 0 ? "no" : number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
