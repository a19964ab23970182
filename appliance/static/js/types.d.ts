/** Shapes of the API's answers, as docs/architecture.md and /api/v1/openapi.json give them. For the type checker alone. */

export type Range = [number, number];

export interface Named { id: string; name: string }

export interface Me { name: string; role: "admin" | "uploader" | "viewer" }

export interface Domain {
  id: string; name: string; kind: "data" | "iso"; host: Named; hosts: Named[]; path: string;
  capacity: number; free: number; reserved: number; available: number; images: number; status: "active" | "unreachable";
  /** Names of what is done with an import on its arrival, in order. */
  steps: string[];
}

export interface Host {
  id: string; name: string; address: string; status: "up" | "down" | "maintenance"; reason: string | null; domains: string[];
  transfers: number; enrolled: boolean; certificate_expires_at: string | null;
}

export interface Invitation { host: Host; command: string; token: string; fingerprint: string; expires_at: string }

export interface Image {
  id: string; name: string; size: number; virtual_size: number | null; format: string; content_type: string;
  status: "locked" | "ok" | "illegal"; reason: string | null; sha256: string | null; domain: Named; owner: string; path: string | null;
  bootable: boolean | null; label: string | null; created_at: string; completed_at: string | null; transfer_id: string | null;
  tags: string[]; properties: Record<string, string>;
}

export interface Transfer {
  id: string; image_id: string | null; name: string; direction: string; phase: string; reason: string | null; reason_code: string | null;
  size: number; format: string; content_type: string; domain: Named; host: Named | null; owner: string; client: string;
  durable: Range[]; durable_bytes: number; transferred_bytes: number; verify: { step: string; done: number; total: number } | null;
  expected_sha256: string | null; sha256: string | null; modified: number | null; actions: string[];
  created_at: string; updated_at: string; expires_at: string | null; import?: Import | null;
}

/** `done` of `total` in whatever the step counts. */
export interface ImportStep { name: string; status: "waiting" | "running" | "done" | "skipped" | "failed"; done: number; total: number | null; message: string }

/** How an import stands; sizes are those of the file at its source. */
export interface Import {
  url: string; source_size: number | null; source_format: string; compression: string | null; sized: boolean; checksum: string | null; resumable: boolean;
  not_before: string | null; fetched_bytes: number; rate: number; restarts: number; trouble: string; steps: ImportStep[];
  /** What it is stored as; null: as it is, and a disk that no host runs as qcow2. */
  wanted_format: string | null; compressed: boolean; tags: string[]; properties: Record<string, string>;
}

/** `formats` at the source, `targets` that are converted to. */
export interface Methods { schemes: string[]; compressions: string[]; formats: string[]; targets: string[]; steps: KnownStep[] }

/** A step that is installed; the `usual` ones run where nobody has chosen. */
export interface KnownStep { name: string; streams: boolean; usual: boolean; about: string }

/** A file at its source, before it is imported. */
export interface Found {
  url: string; name: string; size: number | null; content_type: string; resumable: boolean; compression: string | null; unpacked_size: number | null;
  format: string; checksum: string | null;
}

export interface Event {
  id: number; time: string; severity: string; code: string; message: string; user: string | null;
  transfer_id: string | null; image_id: string | null; image_name: string | null;
}

export interface Page<T> { items: T[]; next: string | null }

export interface Piece { start: number; end: number; sha256: string }

export interface Order {
  name: string; size: number; format: "raw" | "qcow2" | "iso"; domain: string; allocation: "sparse" | "preallocated";
  sha256: string | null; fingerprint: { modified: number | null; pieces: Piece[] }; client: "browser";
}

export interface Ticket { ticket: string; url: string; expires_at: string; size: number; durable: Range[] | null }

/** `away`: at a proxy, not at the page's own server. */
export interface Session { id: string; url: string; away: boolean }

/** One run of equal kind within a chunk: zeros, or data with its digest (base64). */
export interface Run { start: number; end: number; zero: boolean; sha256: string | null }

export interface Problem { title: string; detail: string; hint: string; code: string; id: string; status: number; details: Record<string, any> }

export interface Facts {
  format: "raw" | "qcow2" | "iso"; version: number | null; virtualSize: number; bootable: string[] | null; label: string | null; warning: string | null;
}

/** What sending touches, given from outside so that tests can give their own. */
export interface World {
  api: { get: Function; post: Function };
  wire: typeof import("./wire.js");
  hasher: { examine: Function; pieces: Function; everySecond: Function };
  /** Shared by all uploads of the page. */
  gate: import("./gate.js").Gate;
  sleep: (seconds: number, signal: AbortSignal) => Promise<void>;
  isOnline: () => boolean;
  /** Seconds. */
  now: () => number;
}
