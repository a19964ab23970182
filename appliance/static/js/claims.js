/**
 * Which uploads a page of this browser is sending right now. A claim is a lock of the browser: it ends with its page, however that ends,
 * long before the server misses a heartbeat.
 */

const PREFIX = "image-appliance.upload.";

/**
 * @param {string} transfer id
 * @returns {Promise<() => void>} resolves when everybody can see the claim, with what gives it back
 */
export function claim(transfer) {
  return new Promise((resolve) => {
    if (!navigator.locks) {
      resolve(() => {});
      return;
    }
    // Shared: a second page that takes over must not wait for the first one to notice.
    navigator.locks.request(PREFIX + transfer, { mode: "shared" }, () => new Promise((release) => resolve(() => release(undefined))))
      .catch(() => resolve(() => {}));
  });
}

/** @returns {Promise<Set<string> | null>} ids of transfers, null when this browser cannot tell */
export async function claimed() {
  if (!navigator.locks) return null;
  const { held = [] } = await navigator.locks.query();
  return new Set(held.map(({ name = "" }) => name).filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length)));
}
