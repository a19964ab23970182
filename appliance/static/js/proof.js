/** What shows that a file is the one a transfer was begun with. */

import { positions } from "./pieces.js";

/** @typedef {import("./types").Transfer} Transfer */
/** @typedef {import("./types").World} World */

/**
 * What tells this file from another, for the server to keep.
 * @param {File} file
 * @param {Pick<World, "hasher">} world
 */
export async function fingerprint(file, world) {
  return { modified: modified(file), pieces: await world.hasher.pieces(file, positions(file.size)) };
}

/**
 * Show the server the pieces of `file` that it asks for, and have the transfer go on.
 * @param {Transfer} transfer
 * @param {File} file
 * @param {Pick<World, "api" | "hasher">} world
 * @param {AbortSignal} [signal]
 * @returns {Promise<Transfer>}
 * @throws {import("./api.js").ApiError} `different-file` when it is another
 */
export async function resume(transfer, file, world, signal) {
  const wanted = await world.api.get(`/transfers/${transfer.id}/pieces`, { signal });
  const inside = wanted.pieces.filter((/** @type {import("./ranges.js").Range} */ [, end]) => end <= file.size);
  const pieces = await world.hasher.pieces(file, inside);
  return world.api.post(`/transfers/${transfer.id}/resume`, { size: file.size, modified: modified(file), pieces }, { signal, timeout: 120 });
}

/** Seconds since 1970. @param {File} file */
function modified(file) {
  return file.lastModified / 1000;
}
