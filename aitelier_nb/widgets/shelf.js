// Keeps decisions that are not acknowledged in the page's session storage, so that a reload does not lose them.

/** The page's session storage; none in a frame without an origin, where merely to look at it is an error. */
export function pageStorage() {
  try {
    return globalThis.sessionStorage;
  } catch {
    return null;
  }
}

/** Sessions of views that live in this page: their decisions are theirs to send. */
export const living = () => (globalThis.aitelierSessions ??= new Set());

/** Where decisions wait that are not acknowledged: it survives a reload of the page. */
export function shelf(storage, session) {
  const key = "aitelier:" + session;
  return {
    put(store, edits) {
      try {
        if (edits.length === 0) storage?.removeItem(key);
        else storage?.setItem(key, JSON.stringify({ store, edits }));
      } catch {
        // A full or forbidden storage costs the reload only: the decisions are sent all the same.
      }
    },
  };
}

/** Decisions that other, ended views of the same data left behind; they are taken off the shelf by `drop`. */
export function leftBehind(storage, store) {
  const found = [];
  for (const key of Object.keys(storage ?? {})) {
    if (!key.startsWith("aitelier:") || living().has(key.slice(9))) continue;
    try {
      const kept = JSON.parse(storage.getItem(key));
      if (kept.store === store) found.push({ key, edits: kept.edits });
    } catch {
      storage.removeItem(key);
    }
  }
  return found;
}

/** A name that no other view has. */
export function newSession() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
