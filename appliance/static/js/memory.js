/** What this browser remembers of its own uploads. Without it (private window, full disk) nothing breaks. */

const KEY = "image-appliance.uploads";
const MOST = 200;

/** @typedef {{file: string, modified: number}} Note */

/** @returns {Record<string, Note>} */
function load() {
  try {
    const notes = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return notes && typeof notes === "object" ? notes : {};
  } catch {
    return {};
  }
}

/** @param {Record<string, Note>} notes */
function save(notes) {
  try {
    localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(Object.entries(notes).slice(-MOST))));
  } catch {
    // Not ours to insist on.
  }
}

/**
 * @param {string} transfer id
 * @param {File} file
 */
export function remember(transfer, file) {
  save({ ...load(), [transfer]: { file: file.name, modified: file.lastModified } });
}

/**
 * @param {string} transfer id
 * @returns {Note | null} the file it was started with here, null when another browser did
 */
export function recall(transfer) {
  return load()[transfer] ?? null;
}
