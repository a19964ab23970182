/** What the upload engine needs of a browser, by the name a person can look up. */

import { texts } from "./texts.js";

/** @type {[keyof typeof texts.ability, () => boolean][]} */
const NEEDS = [
  ["slice", () => typeof Blob === "function" && typeof Blob.prototype.slice === "function"],
  ["read", () => typeof Blob === "function" && typeof Blob.prototype.arrayBuffer === "function"],
  ["worker", () => typeof Worker === "function"],
  ["wasm", () => typeof WebAssembly === "object"],
  ["progress", () => typeof XMLHttpRequest === "function" && "upload" in XMLHttpRequest.prototype],
  ["bigint", () => typeof DataView === "function" && "getBigUint64" in DataView.prototype],
  ["abort", () => typeof AbortSignal === "function" && "throwIfAborted" in AbortSignal.prototype],
  ["dialog", () => typeof HTMLDialogElement === "function" && "showModal" in HTMLDialogElement.prototype],
];

/** Each need in words, and whether it is met. */
export function all() {
  return NEEDS.map(([key, met]) => ({ key, name: texts.ability[key], met: met() }));
}

/** @returns {string[]} what is lacking, in words */
export function lacking() {
  return all().filter(({ met }) => !met).map(({ name }) => name);
}
