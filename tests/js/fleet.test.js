import assert from "node:assert/strict";
import { test } from "node:test";

import { service, stateOf, summary } from "../../appliance/static/js/fleet.js";

/** @param {"up" | "down" | "maintenance"} status @param {boolean} enrolled @returns {any} */
function host(status, enrolled = true) {
  return { id: `${status}-${enrolled}`, name: status, status, enrolled };
}

/** @param {any[]} hosts that see it @param {string} status @returns {any} */
function domain(hosts, status = "active") {
  return { id: "d", name: "data", status, hosts: hosts.map(({ id, name }) => ({ id, name })) };
}

test("a host that has not been enrolled is not called down", () => {
  assert.equal(stateOf(host("down", false)), "strange");
  assert.equal(stateOf(host("down")), "down");
});

test("hosts in maintenance are not called down either", () => {
  assert.deepEqual(summary([host("up"), host("maintenance"), host("maintenance")]), { word: "2 in maintenance", tone: "warning" });
  assert.deepEqual(summary([host("up"), host("down", false)]), { word: "1 not enrolled", tone: "warning" });
});

test("of many hosts the worst is told", () => {
  assert.deepEqual(summary([host("up"), host("maintenance"), host("down", false), host("down")]), { word: "1 down", tone: "bad" });
  assert.deepEqual(summary([host("up")]), { word: "active", tone: "good" });
});

test("storage is in maintenance when every host that sees it is", () => {
  const [up, resting] = [host("up"), host("maintenance")];
  assert.equal(service(domain([resting]), [up, resting]).word, "maintenance");
  assert.equal(service(domain([up, resting]), [up, resting]).word, "active");
});

test("storage that cannot be reached is called that, whatever its hosts say", () => {
  assert.deepEqual(service(domain([host("up")], "unreachable"), [host("up")]), { word: "unreachable", tone: "bad" });
});

test("as long as its hosts are not known, active storage is active", () => {
  assert.equal(service(domain([host("maintenance")]), []).word, "active");
});
