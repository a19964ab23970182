/** What is done with an imported image on its arrival, step by step: in words, and as a problem where it failed. */

import { isOver, rests } from "./phase.js";
import { texts } from "./texts.js";
import { percent } from "./units.js";

/** @typedef {import("./types").Transfer} Transfer */
/** @typedef {import("./types").ImportStep} ImportStep */

/** @param {Pick<ImportStep, "name">} step @returns {string} its title; a third party's is its name */
export function stepName({ name }) {
  return texts.imports.step[name] ?? name;
}

/** How the import stands: it goes on, it rests until somebody resumes it, or it is at its end. @typedef {"moving" | "resting" | "over"} Mood */

/** @param {string} phase of the import @returns {Mood} */
export function mood(phase) {
  return isOver(phase) ? "over" : rests(phase) ? "resting" : "moving";
}

/**
 * How a step stands, where that is more than the server says: what was not done by the end never will be.
 * @param {ImportStep} step
 * @param {Mood} now
 * @returns {ImportStep["status"] | "begun" | "missed"}
 */
export function stepState({ status }, now) {
  if (status === "running" && now !== "moving") return now === "resting" ? "begun" : "missed";
  return status === "waiting" && now === "over" ? "missed" : status;
}

/**
 * A step in words: how it stands, and how far it is.
 * @param {ImportStep} step
 * @param {Mood} now
 */
export function stepWords(step, now) {
  const state = stepState(step, now);
  const far = (state === "running" || state === "begun") && step.total ? ` · ${Math.min(99, percent(step.done, step.total))} %` : "";
  return `${texts.imports.status[state] ?? state}${far}`;
}

/**
 * How far the host is with something, as a bar of `size` shows it. Where nobody knows, it only shows that something goes on.
 * @param {{done: number, total: number | null} | null} at
 * @param {number} size
 * @returns {{percent: number | null, size: number, layers: import("./view/bar.js").Layer[]}}
 */
export function far(at, size) {
  if (!at?.total) return { percent: null, size, layers: [{ tone: "unsure", ranges: [[0, size]] }] };
  const part = Math.min(1, at.done / at.total);
  return { percent: Math.min(99, percent(at.done, at.total)), size, layers: [{ tone: "checking", ranges: part > 0 ? [[0, part * size]] : [] }] };
}

/** The step that is being worked on. @param {Transfer} transfer */
export function running({ import: at }) {
  return at?.steps.find(({ status }) => status === "running") ?? null;
}

/**
 * What a running step does.
 * @param {Transfer} transfer
 * @param {ImportStep} step
 */
export function doing({ format }, { name }) {
  return name === "convert" ? texts.imports.converting(format) : texts.imports.doing[name] ?? name;
}

/**
 * What those hear who do not see it, once all bytes are there: that it is checked, and how far the long steps are, by quarters.
 * @param {Transfer} transfer
 * @returns {string} empty when there is nothing new
 */
export function news(transfer) {
  const step = running(transfer);
  if (!step || step.name === "register") return "";
  if (step.name === "validate") return texts.phase.checking.toLowerCase();
  const quarter = step.total ? Math.floor(percent(step.done, step.total) / 25) * 25 : 0;
  const told = doing(transfer, step);
  return texts.imports.heard(step.name in texts.imports.step ? told.charAt(0).toLowerCase() + told.slice(1) : told, quarter < 100 ? quarter : 75);
}

/**
 * Why an import has failed: at which step, what it says, and what to do.
 * @param {Transfer} transfer
 */
export function failure({ import: at, reason, reason_code: code }) {
  const step = at?.steps.find(({ status }) => status === "failed");
  const { failed, failedAt, failedBytes, advice, failedHint } = texts.imports;
  return { title: step ? failedAt(stepName(step)) : failed, detail: reason || step?.message || "", hint: `${failedBytes} ${advice[code ?? ""] ?? failedHint}` };
}
