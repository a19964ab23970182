import assert from "node:assert/strict";
import { test } from "node:test";

import { PLACES } from "../../appliance/static/js/gate.js";
import { Unreadable } from "../../appliance/static/js/hasher.js";
import { Sender } from "../../appliance/static/js/sender.js";
import { Stop } from "../../appliance/static/js/stop.js";
import { file, Host, MIB, setUp, stops } from "./host.js";

test("everything arrives, once, in one session", async () => {
  const { host, sender } = setUp();
  await sender.run();
  assert.deepEqual(host.durable, [[0, host.size]]);
  assert.equal(host.stored.reduce((sum, [start, end]) => sum + end - start, 0), host.size);
  assert.equal(host.sessions, 1);
});

test("two uploads together leave connections to the page", async () => {
  const host = new Host(64 * MIB);
  const { world } = host;
  let [now, most] = [0, 0];
  const { put } = world.wire;
  world.wire.put = async (/** @type {any[]} */ ...given) => {
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => setImmediate(resolve));
    await put(...given);
    now -= 1;
  };
  host.store = () => {};
  await Promise.all([1, 2].map(() => new Sender(host.transfer, file(host.size), world, () => {}).run()));
  assert.equal(most, PLACES);
});

test("what is durable does not travel again", async () => {
  const { host, sender } = setUp(20 * MIB, (it) => {
    it.durable = [[0, 15 * MIB]];
  });
  await sender.run();
  assert.ok(host.stored.every(([start]) => start >= 15 * MIB));
});

test("a file that cannot be read any more stops the upload by name", async () => {
  const { host } = setUp(MIB);
  const world = host.world;
  world.hasher.examine = async () => {
    throw new Unreadable();
  };
  await assert.rejects(new Sender(host.transfer, file(MIB), world, () => {}).run(), (error) => error instanceof Stop && error.kind === "changed" && /disk\.img/.test(error.problem.detail ?? ""));
});

test("stopping gives its reason", async () => {
  const { sender } = setUp();
  const run = sender.run();
  sender.stop(new Stop("paused"));
  await stops(run, "paused");
});
