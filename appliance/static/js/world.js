/** What sending touches, as this browser has it. */

import * as api from "./api.js";
import { Gate } from "./gate.js";
import * as hasher from "./hasher.js";
import * as wire from "./wire.js";

/** @type {import("./types").World} */
export const world = {
  api, wire, hasher, gate: new Gate(), sleep, isOnline: () => navigator.onLine, now: () => performance.now() / 1000,
};

/**
 * Seconds of rest, cut short when the line comes back.
 * @param {number} seconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    const end = (/** @type {() => void} */ settle) => {
      clearTimeout(timer);
      removeEventListener("online", wake);
      signal.removeEventListener("abort", stop);
      settle();
    };
    const wake = () => end(resolve);
    const stop = () => end(() => reject(signal.reason));
    const timer = setTimeout(wake, seconds * 1000);
    addEventListener("online", wake, { once: true });
    signal.addEventListener("abort", stop, { once: true });
  });
}
