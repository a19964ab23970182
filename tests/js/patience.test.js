import assert from "node:assert/strict";
import { test } from "node:test";

import { Stop } from "../../appliance/static/js/stop.js";
import { WireError } from "../../appliance/static/js/wire.js";
import { MIB, setUp, stops } from "./host.js";

test("a bad line, a busy server and a host that is down are waited for", async () => {
  const { host, sender } = setUp(20 * MIB, (it) => {
    it.faults = [new WireError(0), new WireError(503, "busy", "", 9), new WireError(502), new WireError(503, "host-down")];
  });
  await sender.run();
  assert.deepEqual(host.durable, [[0, host.size]]);
  assert.ok(host.slept.some((seconds) => seconds >= 9), "Retry-After is honoured");
});

test("a chunk that arrived damaged is sent again", async () => {
  const { host, sender } = setUp(MIB, (it) => {
    it.faults = [new WireError(400, "digest-mismatch"), new WireError(400, "digest-mismatch")];
  });
  await sender.run();
  assert.deepEqual(host.durable, [[0, host.size]]);
});

test("damage without end stops the upload", async () => {
  const { sender } = setUp(MIB, (it) => {
    it.faults = new Array(50).fill(new WireError(400, "digest-mismatch"));
  });
  await stops(sender.run(), "failing");
});

test("behind a proxy that refuses large bodies chunks become small enough", async () => {
  const { host, sender } = setUp(8 * MIB, (it) => {
    it.largest = MIB;
  });
  await sender.run();
  assert.deepEqual(host.durable, [[0, host.size]]);
});

test("a proxy that refuses everything stops the upload", async () => {
  const { sender } = setUp(8 * MIB, (it) => {
    it.largest = 10;
  });
  await stops(sender.run(), "failing");
});

test("a full domain stops the upload with the host's sentence", async () => {
  const { sender } = setUp(MIB, (it) => {
    it.faults = [new WireError(507, "no-space", "The disk is full.")];
  });
  await assert.rejects(sender.run(), (error) => error instanceof Stop && error.kind === "no-space" && error.problem.detail === "The disk is full.");
});

test("a server that answers with errors is left in peace after a while", async () => {
  const { sender } = setUp(MIB, (it) => {
    it.faults = new Array(50).fill(new WireError(500, "internal", "broken"));
  });
  await stops(sender.run(), "failing");
});
