import assert from "node:assert/strict";
import { test } from "node:test";

import { Sender } from "../../appliance/static/js/sender.js";
import { WireError } from "../../appliance/static/js/wire.js";
import { file, MIB, setUp, stops } from "./host.js";

test("a lost session costs a new ticket and nothing else", async () => {
  const { host, sender } = setUp(20 * MIB, (it) => {
    it.faults = [new WireError(401, "no-session")];
  });
  await sender.run();
  assert.equal(host.sessions, 2);
  assert.deepEqual(host.durable, [[0, host.size]]);
});

test("a proxy that dies costs a new ticket, for another one", async () => {
  const { host, sender } = setUp(20 * MIB, (it) => {
    it.proxies = ["https://one", "https://two"];
  });
  const store = host.store.bind(host);
  host.store = (session, run) => {
    if (host.stored.length) host.dead = ["https://one"];
    store(session, run);
  };
  await sender.run();
  assert.deepEqual(host.durable, [[0, host.size]]);
  assert.deepEqual(host.places, ["https://one", "https://two"]);
});

for (const status of [0, 502, 503, 504]) {
  test(`a proxy that fails with ${status} is left; the server itself is not`, async () => {
    const { host, sender } = setUp(20 * MIB, (it) => {
      it.proxies = ["https://one"];
      it.faults = [new WireError(status), null, new WireError(status)];
    });
    await sender.run();
    assert.deepEqual(host.places, ["https://one", ""]);
    assert.deepEqual(host.durable, [[0, host.size]]);
  });
}

test("where no proxy can be reached the server itself takes the bytes", async () => {
  const { host, sender } = setUp(20 * MIB, (it) => {
    it.proxies = new Array(50).fill("https://one");
    it.dead = ["https://one"];
  });
  await sender.run();
  assert.deepEqual(host.places, [""]);
  assert.equal(host.proxies.length, 48);
  assert.deepEqual(host.durable, [[0, host.size]]);
});

test("a proxy that refuses every ticket is no trap", async () => {
  const { host } = setUp(MIB, (it) => {
    it.proxies = new Array(50).fill("https://one");
  });
  const world = host.world;
  const open = world.wire.open;
  world.wire.open = async (/** @type {any} */ ticket) => {
    if (ticket.url.startsWith("https")) throw new WireError(401, "bad-ticket");
    return open(ticket);
  };
  await new Sender(host.transfer, file(MIB), world, () => {}).run();
  assert.deepEqual(host.durable, [[0, host.size]]);
});

test("a move to another host between two questions is waited for", async () => {
  const { host, sender } = setUp(20 * MIB, (it) => {
    it.moves = 3;
  });
  await sender.run();
  assert.deepEqual(host.durable, [[0, host.size]]);
  assert.deepEqual([host.moves, host.sessions], [0, 1]);
});

test("a newer session elsewhere ends this one without a fight", async () => {
  const { host, sender } = setUp(20 * MIB, (it) => {
    it.faults = [new WireError(409, "session-replaced")];
  });
  await stops(sender.run(), "replaced");
  assert.equal(host.sessions, 1);
});

test("a late complaint about an older session leaves the newer one alone", async () => {
  const { host, sender } = setUp();
  const older = await sender.road.open();
  sender.road.leave(older, new WireError(401, "no-session"));
  const newer = await sender.road.open();

  sender.road.leave(older, new WireError(401, "no-session"));

  assert.equal(await sender.road.open(), newer);
  assert.equal(host.sessions, 2);
});
