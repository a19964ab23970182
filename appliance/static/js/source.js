/** What a file is, from its first bytes and never from its name; what is refused is refused before a byte travels. */

import { texts } from "./texts.js";
import { size as words } from "./units.js";

/** @typedef {import("./types").Facts} Facts */
/** @typedef {(start: number, end: number) => Promise<Uint8Array>} Read */

/** A file that is not accepted; its message is the sentence to show. */
export class Refused extends Error {}

const SECTOR = 2048;
/** Volume descriptors to look at before giving up on a hostile list without end. */
const DESCRIPTORS = 32;

/** Recognised and refused: [name, offset, bytes]. Bytes are written as latin-1 text. @type {[string, number, string][]} */
const FOREIGN = [
  ["gzip", 0, "\x1f\x8b"],
  ["xz", 0, "\xfd7zXZ\0"],
  ["zstd", 0, "\x28\xb5\x2f\xfd"],
  ["bzip2", 0, "BZh"],
  ["zip", 0, "PK\x03\x04"],
  ["7z", 0, "7z\xbc\xaf\x27\x1c"],
  ["rar", 0, "Rar!\x1a\x07"],
  ["lz4", 0, "\x04\x22\x4d\x18"],
  ["tar", 257, "ustar"],
  ["vmdk", 0, "KDMV"],
  ["vmdk", 0, "# Disk DescriptorFile"],
  ["vhdx", 0, "vhdxfile"],
  ["vhd", 0, "conectix"],
  ["vdi", 64, "\x7f\x10\xda\xbe"],
  ["qed", 0, "QED\0"],
  ["parallels", 0, "WithoutFreeSpace"],
  ["parallels", 0, "WithouFreSpacExt"],
];

/**
 * @param {Read} read gives the bytes of `[start, end)`, fewer at the end of the file
 * @param {number} size bytes of the file
 * @param {string} name
 * @returns {Promise<Facts>}
 * @throws {Refused}
 */
export async function inspect(read, size, name) {
  if (size === 0) throw new Refused(texts.source.empty);
  const head = await read(0, Math.min(size, 64 * 1024));
  if (starts(head, 0, "QFI\xfb")) return qcow2(head, size);
  // Before the foreign ones: a hybrid ISO may begin with anything.
  if (starts(head, 16 * SECTOR + 1, "CD001")) return iso(read, size);
  for (const [format, offset, magic] of FOREIGN) {
    if (starts(head, offset, magic)) throw new Refused(texts.source.foreign(format));
  }
  const tail = size >= 512 ? await read(size - 512, size) : head;
  if (starts(tail, 0, "conectix")) throw new Refused(texts.source.foreign("vhd"));
  const text = isText(head);
  if (/\.iso$/i.test(name)) throw new Refused(text ? texts.source.textAsIso : texts.source.notIso);
  if (/\.qcow2$/i.test(name)) throw new Refused(text ? texts.source.textAsQcow2 : texts.source.notQcow2);
  return { format: "raw", version: null, virtualSize: size, bootable: boots(head), label: null, warning: text ? texts.source.textAsDisk : null };
}

/**
 * @param {Uint8Array} bytes
 * @param {number} offset
 * @param {string} magic
 */
function starts(bytes, offset, magic) {
  if (bytes.length < offset + magic.length) return false;
  for (let i = 0; i < magic.length; i += 1) {
    if (bytes[offset + i] !== magic.charCodeAt(i)) return false;
  }
  return true;
}

/** A disk with the signature of a master boot record. @param {Uint8Array} head */
function boots(head) {
  return head.length >= 512 && head[510] === 0x55 && head[511] === 0xaa ? ["MBR"] : null;
}

/** Nothing but printable characters, in any encoding that keeps ASCII. @param {Uint8Array} bytes */
function isText(bytes) {
  const sample = bytes.subarray(0, 4096);
  return sample.every((byte) => byte >= 0x20 ? byte !== 0x7f : byte >= 0x09 && byte <= 0x0d);
}

/**
 * @param {Uint8Array} head
 * @param {number} size
 * @returns {Facts}
 */
function qcow2(head, size) {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (size < 72 || head.length < 72) throw new Refused(texts.source.truncated("qcow2"));
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) throw new Refused(texts.source.qcow2Version(version));
  if (view.getBigUint64(8) !== 0n) throw new Refused(texts.source.backingFile);
  const virtual = view.getBigUint64(24);
  if (virtual > BigInt(Number.MAX_SAFE_INTEGER)) throw new Refused(texts.source.virtualSize(words(Number(virtual))));
  if (virtual === 0n) throw new Refused(texts.source.virtualEmpty);
  if (view.getUint32(32) !== 0) throw new Refused(texts.source.encrypted);
  if (version === 3) {
    if (head.length < 104) throw new Refused(texts.source.truncated("qcow2"));
    const incompatible = view.getBigUint64(72);
    if (incompatible & 4n) throw new Refused(texts.source.dataFile);
    if (incompatible & 2n) throw new Refused(texts.source.corrupt);
    // Dirty, compression type, extended L2: what else there is, nobody knows yet.
    if (incompatible & ~0b11011n) throw new Refused(texts.source.qcow2Features);
  }
  return { format: "qcow2", version, virtualSize: Number(virtual), bootable: null, label: null, warning: null };
}

/**
 * @param {Read} read
 * @param {number} size
 * @returns {Promise<Facts>}
 */
async function iso(read, size) {
  let label = "";
  let catalog = 0;
  let claimed = 0;
  const area = await read(16 * SECTOR, Math.min(size, (16 + DESCRIPTORS) * SECTOR));
  for (let at = 0; at + SECTOR <= area.length && starts(area, at + 1, "CD001"); at += SECTOR) {
    const view = new DataView(area.buffer, area.byteOffset + at, SECTOR);
    const type = view.getUint8(0);
    if (type === 255) break;
    if (type === 1 && !claimed) {
      label = latin1(area.subarray(at + 40, at + 72)).trim();
      claimed = view.getUint32(80, true) * view.getUint16(128, true);
    }
    if (type === 0 && starts(area, at + 7, "EL TORITO SPECIFICATION")) catalog = view.getUint32(71, true);
  }
  if (!claimed) throw new Refused(texts.source.truncated("ISO"));
  const bootable = catalog && (catalog + 1) * SECTOR <= size ? platforms(await read(catalog * SECTOR, (catalog + 1) * SECTOR)) : [];
  const warning = claimed > size ? texts.source.shortIso(words(claimed), words(size)) : null;
  return { format: "iso", version: null, virtualSize: size, bootable, label: label || null, warning };
}

/**
 * The platforms an El Torito boot catalog serves.
 * @param {Uint8Array} catalog one sector
 * @returns {string[]}
 */
function platforms(catalog) {
  const found = new Set();
  if (catalog[0] !== 1 || catalog[30] !== 0x55 || catalog[31] !== 0xaa) return [];
  if (catalog[32] === 0x88) found.add(platform(catalog[1]));
  for (let at = 64; at + 32 <= catalog.length; ) {
    const header = catalog[at];
    if (header !== 0x90 && header !== 0x91) break;
    const entries = catalog[at + 2] | (catalog[at + 3] << 8);
    if (entries > 0 && catalog[at + 32] === 0x88) found.add(platform(catalog[at + 1]));
    if (header === 0x91) break;
    at += 32 * (1 + entries);
  }
  return [...found];
}

/** @param {number} id */
function platform(id) {
  return id === 0xef ? "UEFI" : id === 0 ? "BIOS" : id === 1 ? "PowerPC" : id === 2 ? "Mac" : "other";
}

/** @param {Uint8Array} bytes */
function latin1(bytes) {
  return String.fromCharCode(...bytes).replace(/[^\x20-\x7e\xa0-\xff]/g, "");
}
