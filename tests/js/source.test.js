import assert from "node:assert/strict";
import { test } from "node:test";

import { inspect, Refused } from "../../appliance/static/js/source.js";

/**
 * @param {Uint8Array} bytes
 * @param {string} name
 */
function look(bytes, name = "disk.img") {
  return inspect(async (start, end) => bytes.subarray(start, end), bytes.length, name);
}

/** @param {number} size @param {Record<number, string | number[]>} parts */
function file(size, parts = {}) {
  const bytes = new Uint8Array(size);
  for (const [offset, part] of Object.entries(parts)) bytes.set(typeof part === "string" ? Uint8Array.from(part, (c) => c.charCodeAt(0)) : part, Number(offset));
  return bytes;
}

/** @param {{version?: number, virtual?: bigint, backing?: bigint, crypt?: number, incompatible?: bigint}} fields */
function qcow2({ version = 3, virtual = 10n << 30n, backing = 0n, crypt = 0, incompatible = 0n } = {}) {
  const bytes = file(196_608, { 0: "QFI\xfb" });
  const view = new DataView(bytes.buffer);
  view.setUint32(4, version);
  view.setBigUint64(8, backing);
  view.setUint32(20, 16);
  view.setBigUint64(24, virtual);
  view.setUint32(32, crypt);
  view.setBigUint64(72, incompatible);
  view.setUint32(100, 104);
  return bytes;
}

const SECTOR = 2048;

/** @param {{label?: string, sectors?: number, catalog?: number[]}} fields */
function iso({ label = "DEBIAN", sectors = 40, catalog = undefined } = {}) {
  const bytes = file(40 * SECTOR, { [16 * SECTOR]: "\x01CD001\x01", [16 * SECTOR + 40]: label.padEnd(32) });
  const view = new DataView(bytes.buffer);
  view.setUint32(16 * SECTOR + 80, sectors, true);
  view.setUint16(16 * SECTOR + 128, SECTOR, true);
  let end = 17;
  if (catalog) {
    bytes.set(file(39, { 0: "\x00CD001\x01", 7: "EL TORITO SPECIFICATION" }), 17 * SECTOR);
    view.setUint32(17 * SECTOR + 71, 20, true);
    bytes.set(catalog, 20 * SECTOR);
    end = 18;
  }
  bytes.set(file(7, { 0: "\xffCD001\x01" }), end * SECTOR);
  return bytes;
}

/** A validation entry for BIOS, its bootable entry, and a last section for UEFI. */
function biosAndUefi() {
  const catalog = new Array(160).fill(0);
  Object.assign(catalog, { 0: 1, 30: 0x55, 31: 0xaa, 32: 0x88, 64: 0x91, 65: 0xef, 66: 1, 96: 0x88 });
  return catalog;
}

test("qcow2 tells its version and virtual size, whatever its name", async () => {
  const facts = await look(qcow2({ version: 2, virtual: 5n << 40n }), "whatever.iso");
  assert.deepEqual([facts.format, facts.version, facts.virtualSize], ["qcow2", 2, 5 * 2 ** 40]);
});

/** @type {[string, Parameters<typeof qcow2>[0], RegExp][]} */
const BAD_QCOW2 = [
  ["a backing file", { backing: 0x200n }, /backing file/],
  ["an external data file", { incompatible: 4n }, /data in another file/],
  ["encryption", { crypt: 2 }, /encrypted/],
  ["a corrupt mark", { incompatible: 2n }, /corrupt/],
  ["unknown features", { incompatible: 1n << 40n }, /features/],
  ["an unknown version", { version: 9 }, /version 9/],
  ["8 EiB", { virtual: 1n << 63n }, /8\.00 EiB/],
  ["an empty disk", { virtual: 0n }, /size 0/],
];
for (const [what, fields, words] of BAD_QCOW2) {
  test(`qcow2 with ${what} is refused`, async () => {
    await assert.rejects(look(qcow2(fields)), (error) => error instanceof Refused && words.test(error.message));
  });
}

test("qcow2 that ends within its header is refused", async () => {
  await assert.rejects(look(qcow2().subarray(0, 60)), /not complete/);
  await assert.rejects(look(qcow2().subarray(0, 90)), /not complete/);
});

test("an ISO tells its label and where it boots", async () => {
  const facts = await look(iso({ catalog: biosAndUefi() }));
  assert.deepEqual([facts.format, facts.label, facts.bootable, facts.warning], ["iso", "DEBIAN", ["BIOS", "UEFI"], null]);
});

test("an ISO without a boot record does not boot", async () => {
  assert.deepEqual((await look(iso())).bootable, []);
});

test("a hybrid ISO is an ISO, though it begins like a disk", async () => {
  const bytes = iso();
  bytes.set([0x55, 0xaa], 510);
  assert.equal((await look(bytes)).format, "iso");
});

test("an ISO that is shorter than it says warns", async () => {
  assert.match((await look(iso({ sectors: 4000 }))).warning ?? "", /incomplete/);
});

test("a boot catalog outside the file is not followed", async () => {
  const bytes = iso({ catalog: biosAndUefi() });
  new DataView(bytes.buffer).setUint32(17 * SECTOR + 71, 0xffffffff, true);
  assert.deepEqual((await look(bytes)).bootable, []);
});

test("anything else is a raw disk", async () => {
  const facts = await look(file(1000));
  assert.deepEqual([facts.format, facts.virtualSize, facts.bootable], ["raw", 1000, null]);
});

test("a master boot record is seen", async () => {
  assert.deepEqual((await look(file(1024, { 510: [0x55, 0xaa] }))).bootable, ["MBR"]);
});

test("an empty file is refused", async () => {
  await assert.rejects(look(file(0)), /empty/);
});

/** @type {[string, number, string, RegExp][]} */
const FOREIGN = [
  ["gzip", 0, "\x1f\x8b\x08", /gzip/], ["xz", 0, "\xfd7zXZ\0", /xz/], ["zstd", 0, "\x28\xb5\x2f\xfd", /Zstandard/], ["bzip2", 0, "BZh91AY", /bzip2/], ["zip", 0, "PK\x03\x04", /ZIP/],
  ["tar", 257, "ustar\0", /OVA/], ["vmdk", 0, "KDMV", /VMDK/], ["a vmdk descriptor", 0, "# Disk DescriptorFile\n", /VMDK/], ["vhdx", 0, "vhdxfile", /VHDX/], ["vdi", 64, "\x7f\x10\xda\xbe", /VDI/],
  ["a dynamic vhd", 0, "conectix", /VHD/], ["a fixed vhd", 9 * 512, "conectix", /VHD/], ["qed", 0, "QED\0", /QED/],
  ["parallels", 0, "WithouFreSpacExt", /Parallels/],
];
for (const [what, offset, magic, words] of FOREIGN) {
  test(`${what} is refused by name, with what to do`, async () => {
    await assert.rejects(look(file(10 * 512, { [offset]: magic }), "disk.iso"), (error) => error instanceof Refused && words.test(error.message) && /Unpack|Convert|convert/.test(error.message));
  });
}

test("a text file named .iso is refused as such", async () => {
  const page = file(5000).fill(0x41);
  await assert.rejects(look(page, "debian.ISO"), /text file/);
});

test("binary without a file system named .iso is refused", async () => {
  await assert.rejects(look(file(50_000), "debian.iso"), /no ISO 9660/);
});

test("what is named qcow2 and is not is refused", async () => {
  await assert.rejects(look(file(50_000), "disk.qcow2"), /content is not/);
});

test("text as a raw disk is only warned of", async () => {
  assert.match((await look(file(5000).fill(0x41))).warning ?? "", /plain text/);
});
