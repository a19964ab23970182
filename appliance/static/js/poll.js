/** Lists that keep themselves fresh: asked again every two seconds while somebody looks, at once after something was done. */

import { ApiError, get } from "./api.js";

const EVERY = 2000;
const SLOWEST = 15_000;

/**
 * @typedef {object} Watch
 * @property {string} path
 * @property {string} last the JSON shown, so that nothing is drawn that did not change
 * @property {any} data
 * @property {Set<(data: any) => void>} listeners
 * @property {Set<(error: ApiError | null) => void>} failures
 * @property {ReturnType<typeof setTimeout> | null} timer
 * @property {number} errors in a row
 * @property {boolean} asking
 * @property {boolean} again what is being answered may be from before something was done
 */

/** @type {Map<string, Watch>} */
const watches = new Map();

/**
 * Call `listener` with the data of `path` now and whenever it changes.
 * @param {string} path
 * @param {(data: any) => void} listener
 * @param {(error: ApiError | null) => void} [failure] told of errors, and with null when they are over
 * @returns {() => void} ends it
 */
export function watch(path, listener, failure = () => {}) {
  let one = watches.get(path);
  if (!one) {
    one = { path, last: "", data: null, listeners: new Set(), failures: new Set(), timer: null, errors: 0, asking: false, again: false };
    watches.set(path, one);
  }
  one.listeners.add(listener);
  one.failures.add(failure);
  if (one.data !== null) listener(one.data);
  ask(one);
  const mine = one;
  return () => {
    mine.listeners.delete(listener);
    mine.failures.delete(failure);
    if (mine.listeners.size > 0) return;
    if (mine.timer !== null) clearTimeout(mine.timer);
    watches.delete(mine.path);
  };
}

/** Something was done: look at once. */
export function poke() {
  for (const one of watches.values()) {
    one.again = one.asking;
    ask(one);
  }
}

/** @param {Watch} one */
async function ask(one) {
  if (one.timer !== null) clearTimeout(one.timer);
  one.timer = null;
  if (one.asking) return;
  one.asking = true;
  try {
    const data = await get(one.path);
    const text = JSON.stringify(data);
    if (one.errors) for (const failure of [...one.failures]) failure(null);
    one.errors = 0;
    if (text !== one.last) {
      one.last = text;
      one.data = data;
      for (const listener of [...one.listeners]) listener(data);
    }
  } catch (error) {
    one.errors += 1;
    // One lost answer is no news.
    if (error instanceof ApiError && (one.errors > 1 || !error.passing || one.data === null)) for (const failure of [...one.failures]) failure(error);
  } finally {
    one.asking = false;
    const pause = one.again ? 0 : Math.min(SLOWEST, EVERY * (1 + one.errors));
    one.again = false;
    if (watches.get(one.path) === one && document.visibilityState === "visible") one.timer = setTimeout(() => ask(one), pause);
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") poke();
});
addEventListener("online", poke);
