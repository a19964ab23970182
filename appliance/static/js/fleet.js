/** How the hosts do, and the storage that they see, in a word. */

import { texts } from "./texts.js";

/** @typedef {import("./types").Host} Host */
/** @typedef {import("./types").Domain} Domain */
/** @typedef {{word: string, tone: "good" | "warning" | "bad"}} Sign */

/**
 * A host that was added and has not been enrolled yet is strange to us, and not down.
 * @param {Host} host
 * @returns {Host["status"] | "strange"}
 */
export function stateOf(host) {
  return host.status === "down" && !host.enrolled ? "strange" : host.status;
}

/**
 * All of them in one: the worst that is true of any.
 * @param {Host[]} hosts
 * @returns {Sign}
 */
export function summary(hosts) {
  const number = (/** @type {string} */ state) => hosts.filter((host) => stateOf(host) === state).length;
  if (number("down")) return { word: texts.overview.down(number("down")), tone: "bad" };
  if (number("maintenance")) return { word: texts.overview.resting(number("maintenance")), tone: "warning" };
  if (number("strange")) return { word: texts.overview.strange(number("strange")), tone: "warning" };
  return { word: texts.overview.active, tone: "good" };
}

/**
 * A storage domain takes no uploads while all hosts that see it are in maintenance.
 * @param {Domain} domain
 * @param {Host[]} hosts that are known
 * @returns {Sign}
 */
export function service(domain, hosts) {
  if (domain.status !== "active") return { word: texts.overview.unreachable, tone: "bad" };
  const seen = domain.hosts.map(({ id }) => hosts.find((host) => host.id === id)?.status);
  if (seen.length && seen.every((status) => status === "maintenance")) return { word: texts.overview.maintenance, tone: "warning" };
  return { word: texts.overview.active, tone: "good" };
}
