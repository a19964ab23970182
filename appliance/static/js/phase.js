/** A transfer's phase in words, and what one can do in it. */

import { texts } from "./texts.js";

/** @typedef {import("./types").Transfer} Transfer */
/** @typedef {"calm" | "active" | "warning" | "good" | "bad"} Tone */

/** @type {Record<string, {word: keyof typeof texts.phase, tone: Tone}>} */
const PHASES = {
  queued: { word: "queued", tone: "calm" },
  preparing: { word: "preparing", tone: "calm" },
  initializing: { word: "preparing", tone: "calm" },
  transferring: { word: "sending", tone: "active" },
  waiting: { word: "waiting", tone: "warning" },
  offline: { word: "offline", tone: "warning" },
  pausing: { word: "pausing", tone: "warning" },
  resuming: { word: "resuming", tone: "calm" },
  orphaned: { word: "interrupted", tone: "warning" },
  paused_user: { word: "paused", tone: "warning" },
  paused_system: { word: "interrupted", tone: "warning" },
  stopped: { word: "stopped", tone: "bad" },
  replaced: { word: "elsewhere", tone: "calm" },
  finalizing_success: { word: "checking", tone: "good" },
  finalizing_failure: { word: "failing", tone: "bad" },
  finalizing_cleanup: { word: "removing", tone: "calm" },
  cancelled_user: { word: "removing", tone: "calm" },
  cancelled_system: { word: "failing", tone: "bad" },
  finished_success: { word: "done", tone: "good" },
  finished_failure: { word: "failed", tone: "bad" },
  finished_cleanup: { word: "cancelled", tone: "calm" },
};

/**
 * @param {string} phase the server's, or one of this browser's own: queued, preparing, waiting, offline, pausing, stopped, replaced, orphaned
 * @param {string} [direction] of the transfer
 */
export function word(phase, direction = "upload") {
  if (phase === "transferring" && direction === "download") return texts.phase.downloading;
  return texts.phase[PHASES[phase]?.word ?? "unknown"];
}

/**
 * @param {string} phase
 * @returns {Tone}
 */
export function tone(phase) {
  return PHASES[phase]?.tone ?? "calm";
}

/** @param {string} phase */
export function isPaused(phase) {
  return phase === "paused_user" || phase === "paused_system";
}

/** Nothing moves until somebody chooses the file again. @param {string} phase */
export function rests(phase) {
  return isPaused(phase) || phase === "orphaned";
}

/** @param {string} phase */
export function isOver(phase) {
  return phase.startsWith("finished_");
}

/** The host looks at the image, or clears up after it: nothing travels any more. @param {string} phase */
export function isChecking(phase) {
  return phase === "finalizing_success";
}

/** @param {string} phase */
export function isSending(phase) {
  return phase === "transferring" || phase === "waiting" || phase === "offline";
}

/**
 * The verbs to offer on a row.
 * @param {{phase: string, actions: string[], owner: string}} transfer
 * @param {{name: string, role: string}} me
 * @param {boolean} [orphaned] its page is gone, and the server does not know yet
 * @returns {{pause: boolean, resume: boolean, cancel: boolean}}
 */
export function verbs(transfer, me, orphaned = false) {
  const may = me.role === "admin" || (me.role === "uploader" && transfer.owner === me.name);
  const can = (/** @type {string} */ verb) => may && transfer.actions.includes(verb);
  return { pause: can("pause") && !isPaused(transfer.phase) && !orphaned, resume: can("resume") || (orphaned && can("pause")), cancel: can("cancel") };
}
