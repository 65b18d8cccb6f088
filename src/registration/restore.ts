import type { Catalog, Store } from "../ports.ts";
import { entryOfRegistration } from "./show-entry.ts";

const pageSize = 500;

/**
 * Puts every active registration back into a catalog that forgot everything with the last process. Their health checks
 * decide from then on. Resolves to the number of entries.
 */
export async function restoreCatalog(store: Store, catalog: Catalog, signal: AbortSignal): Promise<number> {
  let restored = 0;
  let after = "";
  for (;;) {
    const page = await store.tx((tx) => tx.registrations.listActive(after, pageSize));
    for (const registration of page) await catalog.promote(entryOfRegistration(registration), signal);
    restored += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return restored;
    after = last.id;
  }
}
