/** The native API, as the page uses it. Every failure is an ApiError with what, why, what to do, and an id. */

import { retryAfter } from "./backoff.js";
import { texts } from "./texts.js";

/** @typedef {import("./types").Problem} Problem */

export const ROOT = "/api/v1";

export class ApiError extends Error {
  /**
   * @param {Partial<Problem>} problem
   * @param {number | null} after seconds the server asks us to wait
   */
  constructor(problem, after = null) {
    super(problem.detail || problem.title || texts.problem.unknown);
    this.name = "ApiError";
    this.status = problem.status ?? 0;
    this.code = problem.code ?? "";
    this.title = problem.title ?? texts.problem.unknown;
    this.detail = problem.detail ?? "";
    this.hint = problem.hint ?? "";
    this.id = problem.id ?? "";
    /** @type {Record<string, any>} */
    this.details = problem.details ?? {};
    this.retryAfter = after;
  }

  /** Worth trying again as it is: nobody answered, or the server asked us to come back. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/** The token that proves a request comes from our own page. */
function csrf() {
  return document.querySelector('meta[name="csrf-token"]')?.getAttribute("content") ?? "";
}

/** The login page, and back here afterwards. */
function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Set while bytes travel: then a lost login must not throw the page away. @type {() => boolean} */
let busy = () => false;

/** @param {() => boolean} answer whether leaving the page would lose something */
export function keepPageWhile(answer) {
  busy = answer;
}

/**
 * One request.
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {unknown} [body] sent as JSON
 * @param {{signal?: AbortSignal, timeout?: number}} [options] timeout in seconds
 * @returns {Promise<any>} the JSON of the answer, null when it has none
 */
export async function request(method, path, body, { signal, timeout = 30 } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeout * 1000);
  const give = () => limit.abort();
  signal?.addEventListener("abort", give, { once: true });
  try {
    // no-cache: the browser keeps the last answer and asks with its ETag; an unchanged list costs a 304.
    const response = await fetch(ROOT + path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-cache", credentials: "same-origin", signal: limit.signal,
    });
    const text = await response.text();
    if (response.ok) return text ? JSON.parse(text) : null;
    throw failure(response, text);
  } catch (error) {
    if (error instanceof ApiError) {
      if (error.status === 401 && !busy()) toLogin();
      throw error;
    }
    if (signal?.aborted) throw error;
    throw new ApiError({ status: 0, code: "unreachable", title: texts.problem.unreachable, detail: texts.problem.unreachableDetail, hint: texts.problem.unreachableHint });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", give);
  }
}

/**
 * @param {Response} response
 * @param {string} text its body
 */
function failure(response, text) {
  /** @type {Partial<Problem>} */
  let problem = {};
  try {
    const parsed = JSON.parse(text);
    if (parsed && typeof parsed === "object") problem = parsed;
  } catch {
    // A proxy in the way answers with a page of its own: the status is all we learn.
  }
  return new ApiError(
    { title: texts.problem.status(response.status), hint: texts.problem.statusHint, ...problem, status: response.status },
    retryAfter(response.headers.get("Retry-After")),
  );
}

export const get = (/** @type {string} */ path, /** @type {{signal?: AbortSignal}} */ options = {}) => request("GET", path, undefined, options);
export const post = (/** @type {string} */ path, /** @type {unknown} */ body = undefined, /** @type {{signal?: AbortSignal, timeout?: number}} */ options = {}) =>
  request("POST", path, body, options);
export const patch = (/** @type {string} */ path, /** @type {unknown} */ body) => request("PATCH", path, body);
export const remove = (/** @type {string} */ path) => request("DELETE", path);
