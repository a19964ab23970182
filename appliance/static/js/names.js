/** What an image may be called: the same rules as the server's, so that nobody waits to be told. */

export const LONGEST = 255;

/** Controls, line breaks, lone surrogates; what is invisible; and the marks that turn text around and make `gpj.exe` look like `exe.jpg`. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/u;

/**
 * @param {string} name
 * @returns {"empty" | "long" | "slash" | "control" | "dots" | "space" | null} what is wrong with it
 */
export function flaw(name) {
  const composed = name.normalize("NFC");
  if (composed.trim() === "") return "empty";
  if ([...composed].length > LONGEST) return "long";
  if (/[/\\]/.test(composed)) return "slash";
  if (FORBIDDEN.test(composed)) return "control";
  if (/^[. ]*$/.test(composed)) return "dots";
  return composed === composed.trim() ? null : "space";
}

/**
 * A name that passes, out of a file's name: forbidden characters go. Empty when nothing is left.
 * @param {string} name
 */
export function suggest(name) {
  const allowed = [...name.normalize("NFC").replace(/[/\\]/g, "-")].filter((character) => !FORBIDDEN.test(character));
  const cut = allowed.slice(0, LONGEST).join("").trim();
  return flaw(cut) ? "" : cut;
}
