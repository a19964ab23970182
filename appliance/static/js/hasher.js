/** A few workers that hash, and a clock that the browser does not slow down. */

/** @typedef {import("./types").Run} Run */
/** @typedef {import("./types").Piece} Piece */

/** The file cannot be read any more: changed, moved or deleted since it was chosen. */
export class Unreadable extends Error {}

const WORKERS = 2;

/** @type {Worker[]} */
let workers = [];
let turn = 0;
let last = 0;
/** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
const waiting = new Map();
/** @type {Set<() => void>} */
const listeners = new Set();

function start() {
  workers = Array.from({ length: WORKERS }, (_, index) => {
    const worker = new Worker(new URL("./hash-worker.js", import.meta.url), { type: "module" });
    worker.onmessage = (event) => (event.data.beat ? index === 0 && beat() : settle(event.data));
    worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of waiting.values()) reject(new Error(event.message || "the hashing worker failed"));
      waiting.clear();
    };
    return worker;
  });
}

function beat() {
  for (const listener of [...listeners]) listener();
}

/** @param {{id: number, error?: {name: string, message: string}}} answer */
function settle(answer) {
  const job = waiting.get(answer.id);
  waiting.delete(answer.id);
  if (!job) return;
  if (!answer.error) job.resolve(answer);
  // Chromium says NotReadableError for a changed file, NotFoundError for one that is gone; others alike.
  else if (/Not(Readable|Found)Error/.test(answer.error.name)) job.reject(new Unreadable(answer.error.message));
  else job.reject(new Error(answer.error.message));
}

/**
 * @param {Record<string, unknown>} job
 * @returns {Promise<any>}
 */
function ask(job) {
  if (workers.length === 0) start();
  last += 1;
  const id = last;
  turn = (turn + 1) % workers.length;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    workers[turn].postMessage({ id, ...job });
  });
}

/**
 * A part of the file as runs of zeros and of data with their digests.
 * @param {Blob} file
 * @param {number} from
 * @param {number} to
 * @returns {Promise<Run[]>}
 */
export async function examine(file, from, to) {
  return (await ask({ blob: file.slice(from, to), base: from, split: true })).runs;
}

/**
 * The digests of the given pieces: what tells a file from another.
 * @param {Blob} file
 * @param {import("./ranges.js").Range[]} ranges
 * @returns {Promise<Piece[]>}
 */
export function pieces(file, ranges) {
  return Promise.all(
    ranges.map(async ([from, to]) => ({ start: from, end: to, sha256: (await ask({ blob: file.slice(from, to), base: from, split: false })).sha256 })),
  );
}

/**
 * Call `listener` every second, in the background too.
 * @param {() => void} listener
 * @returns {() => void} ends it
 */
export function everySecond(listener) {
  if (workers.length === 0) start();
  listeners.add(listener);
  return () => listeners.delete(listener);
}
