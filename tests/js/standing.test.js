import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiError } from "../../appliance/static/js/api.js";
import { Sender } from "../../appliance/static/js/sender.js";
import { WireError } from "../../appliance/static/js/wire.js";
import { file, MIB, setUp, stops } from "./host.js";

test("a revoked ticket leads to the transfer's phase: paused by somebody", async () => {
  const { host, sender } = setUp(MIB, (it) => {
    it.faults = [new WireError(403, "ticket-canceled")];
  });
  const store = host.store.bind(host);
  host.store = (session, run) => {
    host.phase = "paused_user";
    store(session, run);
  };
  await stops(sender.run(), "paused");
});

test("what the system paused is resumed with proof of the file", async () => {
  const { host, sender } = setUp(MIB, (it) => {
    it.phase = "paused_system";
  });
  await sender.run();
  assert.equal(host.resumes, 1);
  assert.deepEqual(host.durable, [[0, host.size]]);
});

test("a pause because the domain is full is not resumed by itself", async () => {
  const { host, sender } = setUp(MIB, (it) => {
    Object.assign(it, { phase: "paused_system", reason_code: "no-space" });
  });
  await stops(sender.run(), "no-space");
  assert.equal(host.resumes, 0);
});

test("a cancelled, a finished and a vanished transfer end it each in its way", async () => {
  for (const [phase, kind] of [["cancelled_user", "cancelled"], ["finished_cleanup", "cancelled"], ["finished_success", "over"]]) {
    await stops(setUp(MIB, (it) => { it.phase = phase; }).sender.run(), kind);
  }
  const { host } = setUp(MIB);
  const world = host.world;
  world.api.get = async () => {
    throw new ApiError({ status: 404, title: "Not found" });
  };
  await stops(new Sender(host.transfer, file(MIB), world, () => {}).run(), "failing");
});

for (const [phase, kind] of [["paused_user", "paused"], ["cancelled_user", "cancelled"], ["finished_cleanup", "cancelled"]]) {
  test(`a heartbeat that is answered ${phase} ends it`, async () => {
    const { host, sender } = setUp(MIB);
    host.phase = phase;
    await stops(sender.standing.heartbeat(), kind);
  });
}

test("a heartbeat finds nothing wrong with what moves", async () => {
  const { host, sender } = setUp(MIB);
  for (const phase of ["transferring", "resuming", "paused_system"]) {
    host.phase = phase;
    await sender.standing.heartbeat();
  }
  assert.equal(host.resumes, 0);
});
