/** SHA-256 as people write it. */

import { texts } from "./texts.js";

/** The digest in what somebody pasted: alone, or in a line as sha256sum prints it. @param {string} text */
export function digest(text) {
  return /(?:^|[^0-9a-f])([0-9a-f]{64})(?:$|[^0-9a-f])/i.exec(text)?.[1].toLowerCase() ?? text.trim().toLowerCase();
}

/** What is wrong with it; empty when nothing is, or nothing is given. @param {string} text */
export function flaw(text) {
  const hex = digest(text);
  if (hex === "" || /^[0-9a-f]{64}$/.test(hex)) return "";
  return /[^0-9a-f]/.test(hex) ? texts.upload.sha256Letters : texts.upload.sha256Wrong(hex.length);
}
