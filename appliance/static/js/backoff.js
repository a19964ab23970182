/** How long to wait before trying again. */

export const FIRST = 0.5;
export const LONGEST = 30;

/**
 * Seconds to wait before try number `attempt` (0 is the first repetition): exponential, with full jitter above a half so that many
 * clients do not come back at once, and never sooner than the server asked.
 * @param {number} attempt
 * @param {number | null} retryAfter seconds, as the server asked
 * @param {() => number} random
 */
export function wait(attempt, retryAfter = null, random = Math.random) {
  const full = Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 16));
  return Math.max(full * (0.5 + random() / 2), retryAfter ?? 0);
}

/**
 * Seconds of a Retry-After header: a number, or a date. Null when absent or not understood; at most five minutes.
 * @param {string | null} header
 * @param {number} now milliseconds
 * @returns {number | null}
 */
export function retryAfter(header, now = Date.now()) {
  if (!header) return null;
  const text = header.trim();
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000;
  if (Number.isNaN(seconds)) return null;
  return Math.min(300, Math.max(0, seconds));
}
