/** What of the vendored library is used: it puts itself on the global object as `hashwasm`. */
export interface Hasher {
  init(): void;
  update(bytes: Uint8Array): void;
  digest(form: "binary"): Uint8Array;
}
