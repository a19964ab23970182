import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { ApiError } from "../../appliance/static/js/api.js";
import { Unreadable } from "../../appliance/static/js/hasher.js";
import { merge } from "../../appliance/static/js/ranges.js";
import { resume, Sender, Stop } from "../../appliance/static/js/sender.js";
import { WireError } from "../../appliance/static/js/wire.js";

const MIB = 1 << 20;

/** @typedef {[number, number]} Range */

/** A host that keeps what it is given, and fails as it is told to. */
class Host {
  /** @param {number} size */
  constructor(size) {
    this.phase = "transferring";
    /** @type {string | null} */
    this.reason_code = null;
    this.size = size;
    /** @type {Range[]} */
    this.durable = [];
    /** @type {Range[]} every range that was stored, in order */
    this.stored = [];
    /** @type {(Error | null)[]} what the next puts and zeros meet */
    this.faults = [];
    this.sessions = 0;
    this.resumes = 0;
    /** @type {number[]} seconds slept */
    this.slept = [];
    this.largest = Infinity;
    /** @type {string[]} where the next tickets lead; then to the server itself */
    this.proxies = [];
    /** @type {string[]} proxies that do not answer */
    this.dead = [];
    /** @type {(string | undefined)[]} where sessions were opened */
    this.places = [];
    /** How often the next tickets are refused because the transfer moves. */
    this.moves = 0;
  }

  get transfer() {
    return /** @type {any} */ ({ id: "t", name: "disk", size: this.size, phase: this.phase, reason: null, reason_code: this.reason_code, durable: this.durable });
  }

  /** @param {any} session @param {any} run */
  store(session, run) {
    const fault = this.faults.shift();
    if (fault) throw fault;
    if (this.dead.includes(session.place)) throw new WireError(0);
    if (session.id !== this.sessions) throw new WireError(401, "no-session");
    if (run.end - run.start > this.largest) throw new WireError(413);
    this.stored.push([run.start, run.end]);
    this.durable = merge([...this.durable, [run.start, run.end]]);
  }

  /** @returns {any} */
  get world() {
    return {
      api: {
        get: async (/** @type {string} */ path) => (path.endsWith("/pieces") ? { pieces: [[0, 4]] } : this.transfer),
        post: async (/** @type {string} */ path, /** @type {any} */ body) => {
          if (path.endsWith("/resume")) {
            this.resumes += 1;
            this.phase = "transferring";
          }
          if (path.endsWith("/ticket") && this.moves > 0) {
            // Paused for a moment between the look and the ticket, as when it moves to another host.
            this.moves -= 1;
            throw new ApiError({ status: 409, code: "not-allowed", detail: "The transfer is resuming." });
          }
          const proxy = body?.direct ? "" : this.proxies.shift() ?? "";
          return path.endsWith("/ticket") ? { ticket: "x", url: `${proxy}/images/x` } : this.transfer;
        },
      },
      wire: {
        open: async (/** @type {any} */ ticket) => {
          const place = ticket.url.replace("/images/x", "");
          if (this.dead.includes(place)) throw new WireError(0);
          this.places.push(place);
          return { id: ++this.sessions, url: ticket.url, away: place !== "", place };
        },
        put: async (/** @type {any} */ session, /** @type {any} */ run, /** @type {number} */ _size, /** @type {Blob} */ blob, /** @type {AbortSignal} */ _signal, /** @type {(n: number) => void} */ onSent) => {
          onSent(blob.size);
          this.store(session, run);
        },
        zero: async (/** @type {any} */ session, /** @type {any} */ run) => this.store(session, run),
      },
      hasher: {
        examine: async (/** @type {Blob} */ file, /** @type {number} */ start, /** @type {number} */ end) => [{ start, end, zero: false, sha256: "x" }],
        pieces: async (/** @type {Blob} */ file, /** @type {Range[]} */ ranges) =>
          Promise.all(ranges.map(async ([start, end]) => ({ start, end, sha256: createHash("sha256").update(new Uint8Array(await file.slice(start, end).arrayBuffer())).digest("hex") }))),
        everySecond: () => () => {},
      },
      sleep: async (/** @type {number} */ seconds, /** @type {AbortSignal} */ signal) => {
        this.slept.push(seconds);
        signal.throwIfAborted();
      },
      isOnline: () => true,
      now: () => performance.now() / 1000,
    };
  }
}

/** @param {number} size */
function file(size) {
  return new File([new Uint8Array(size)], "disk.img", { lastModified: 1_700_000_000_000 });
}

/** @param {number} size @param {(host: Host) => void} prepare */
function setUp(size = 20 * MIB, prepare = () => {}) {
  const host = new Host(size);
  prepare(host);
  return { host, sender: new Sender(host.transfer, file(size), host.world, () => {}) };
}

/** @param {Promise<unknown>} run @param {string} kind */
function stops(run, kind) {
  return assert.rejects(run, (error) => error instanceof Stop && error.kind === kind);
}

test("everything arrives, once, in one session", async () => {
  const { host, sender } = setUp();
  await sender.run();
  assert.deepEqual(host.durable, [[0, host.size]]);
  assert.equal(host.stored.reduce((sum, [start, end]) => sum + end - start, 0), host.size);
  assert.equal(host.sessions, 1);
});

test("what is durable does not travel again", async () => {
  const { host, sender } = setUp(20 * MIB, (it) => {
    it.durable = [[0, 15 * MIB]];
  });
  await sender.run();
  assert.ok(host.stored.every(([start]) => start >= 15 * MIB));
});

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

test("a newer session elsewhere ends this one without a fight", async () => {
  const { host, sender } = setUp(20 * MIB, (it) => {
    it.faults = [new WireError(409, "session-replaced")];
  });
  await stops(sender.run(), "replaced");
  assert.equal(host.sessions, 1);
});

test("a server that answers with errors is left in peace after a while", async () => {
  const { sender } = setUp(MIB, (it) => {
    it.faults = new Array(50).fill(new WireError(500, "internal", "broken"));
  });
  await stops(sender.run(), "failing");
});

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

test("a file that cannot be read any more stops the upload by name", async () => {
  const { host } = setUp(MIB);
  const world = host.world;
  world.hasher.examine = async () => {
    throw new Unreadable();
  };
  await assert.rejects(new Sender(host.transfer, file(MIB), world, () => {}).run(), (error) => error instanceof Stop && error.kind === "changed" && /disk\.img/.test(error.problem.detail ?? ""));
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

test("stopping gives its reason", async () => {
  const { sender } = setUp();
  const run = sender.run();
  sender.stop(new Stop("paused"));
  await stops(run, "paused");
});

test("a resume shows exactly the pieces that were asked for", async () => {
  const { host } = setUp(MIB);
  const world = host.world;
  /** @type {any} */
  let shown;
  world.api.post = async (/** @type {string} */ _path, /** @type {any} */ body) => {
    shown = body;
    return host.transfer;
  };
  await resume(host.transfer, file(MIB), world);
  assert.deepEqual([shown.size, shown.modified, shown.pieces.length, shown.pieces[0].end], [MIB, 1_700_000_000, 1, 4]);
});
