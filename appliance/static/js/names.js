/** What an image may be called: the same rules as the server's, so that nobody waits to be told. */

export const LONGEST = 255;

/** Controls, and the marks that turn text around and make `gpj.exe` look like `exe.jpg`. */
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/**
 * @param {string} name
 * @returns {"empty" | "long" | "slash" | "control" | "dots" | null} what is wrong with it
 */
export function flaw(name) {
  if (name.trim() === "") return "empty";
  if ([...name].length > LONGEST) return "long";
  if (/[/\\]/.test(name)) return "slash";
  if (FORBIDDEN.test(name)) return "control";
  if (name === "." || name === "..") return "dots";
  return null;
}

/**
 * A name that passes, out of a file's name: forbidden characters go, the end stays.
 * @param {string} name
 */
export function suggest(name) {
  const all = new RegExp(FORBIDDEN.source, "g");
  const characters = [...name.replace(/[/\\]/g, "-").replace(all, "").trim()];
  return characters.slice(0, LONGEST).join("");
}
