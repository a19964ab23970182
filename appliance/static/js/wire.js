/** The bytes' own road: sessions, PUT, PATCH. One request a call, no repetition: that is the sender's business. */

import { retryAfter } from "./backoff.js";

/** @typedef {import("./types").Session} Session */
/** @typedef {import("./types").Ticket} Ticket */
/** @typedef {import("./types").Run} Run */

/** Seconds without a sign of life after which a request is given up and sent again. The answer waits for the disk, hence so long. */
const STALL = 90;

export class WireError extends Error {
  /**
   * @param {number} status 0 when there was no answer
   * @param {string} code the Error-Code header
   * @param {string} text the line the server gave
   * @param {number | null} after seconds it asks us to wait
   */
  constructor(status, code = "", text = "", after = null) {
    super(text || code || `status ${status}`);
    this.name = "WireError";
    this.status = status;
    this.code = code;
    this.text = text;
    this.retryAfter = after;
  }
}

/**
 * Spend a signed ticket on a session.
 * @param {Ticket} ticket
 * @param {AbortSignal} signal
 * @returns {Promise<Session>}
 */
export async function open(ticket, signal) {
  const place = new URL(ticket.url, location.href);
  const response = await fetch(new URL("/sessions", place), {
    method: "POST", headers: { Authorization: `Bearer ${ticket.ticket}` }, credentials: "omit", cache: "no-store", signal,
  }).catch((error) => {
    throw signal.aborted ? error : new WireError(0);
  });
  const text = await response.text();
  if (!response.ok) throw new WireError(response.status, response.headers.get("Error-Code") ?? "", text.trim().slice(0, 300), retryAfter(response.headers.get("Retry-After")));
  const answer = JSON.parse(text);
  // Where the ticket is good, whatever name the server there gives itself.
  return { id: answer.session_id, url: place.origin + new URL(answer.url, place).pathname, away: place.origin !== location.origin };
}

/**
 * @param {string} method
 * @param {Session} session
 * @param {Record<string, string>} headers
 * @param {Blob | string} body
 * @param {AbortSignal} signal
 * @param {(bytes: number) => void} onSent
 * @returns {Promise<void>} once the host holds it for good
 */
function send(method, session, headers, body, signal, onSent) {
  return new Promise((resolve, reject) => {
    // fetch tells nothing of an upload's progress.
    const xhr = new XMLHttpRequest();
    /** @type {ReturnType<typeof setTimeout>} */
    let watch;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => xhr.abort(), STALL * 1000);
    };
    const stop = () => xhr.abort();
    const end = (/** @type {() => void} */ settle) => {
      clearTimeout(watch);
      signal.removeEventListener("abort", stop);
      settle();
    };
    xhr.open(method, session.url);
    xhr.setRequestHeader("Session-Id", session.id);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      alive();
      onSent(event.loaded);
    };
    xhr.onload = () => end(() => {
      if (xhr.status >= 200 && xhr.status < 300) resolve();
      else reject(new WireError(xhr.status, xhr.getResponseHeader("Error-Code") ?? "", plain(xhr), retryAfter(xhr.getResponseHeader("Retry-After"))));
    });
    xhr.onerror = () => end(() => reject(new WireError(0)));
    xhr.onabort = () => end(() => reject(signal.aborted ? signal.reason : new WireError(0, "stalled")));
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    signal.addEventListener("abort", stop, { once: true });
    alive();
    xhr.send(body);
  });
}

/** The line of text an error came with; a proxy's own page is no line for a person. @param {XMLHttpRequest} xhr */
function plain(xhr) {
  const type = xhr.getResponseHeader("Content-Type") ?? "";
  return type.startsWith("text/plain") ? xhr.responseText.trim().slice(0, 300) : "";
}

/**
 * @param {Session} session
 * @param {Run} run
 * @param {number} size of the whole image
 * @param {Blob} blob the bytes of the run
 * @param {AbortSignal} signal
 * @param {(bytes: number) => void} onSent
 */
export function put(session, run, size, blob, signal, onSent) {
  const headers = {
    "Content-Type": "application/octet-stream",
    "Content-Range": `bytes ${run.start}-${run.end - 1}/${size}`,
    "Content-Digest": `sha-256=:${run.sha256}:`,
  };
  return send("PUT", session, headers, blob, signal, onSent);
}

/**
 * @param {Session} session
 * @param {Run} run
 * @param {AbortSignal} signal
 */
export function zero(session, run, signal) {
  const body = JSON.stringify({ op: "zero", offset: run.start, size: run.end - run.start, flush: true });
  return send("PATCH", session, { "Content-Type": "application/json" }, body, signal, () => {});
}
