import type { Catalog, Store } from "../ports.ts";
import { entryOf } from "./attempt-context.ts";

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
    for (const { request, id, serviceId, address } of page) await catalog.promote(entryOf(request, id, serviceId, address), signal);
    restored += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return restored;
    after = last.id;
  }
}
