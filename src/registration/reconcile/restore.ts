/**
 * Fills a catalog that forgot everything with the last process. Nothing is shown as passing before it has answered: each
 * registration is put on trial first and serves as soon as the catalog's own check has passed. What does not pass while
 * its trial lasts is left to reconciling, and so is what has an address that is not allowed any more: nobody dials it.
 */
import type { Catalog } from "../ports.ts";
import type { Log } from "../../kernel/log.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { Registration, RegistrationStore } from "../records.ts";
import { entryOfRegistration, showEntry, writeEntry } from "./show-entry.ts";

const pageSize = 500;
/** Instances that live answer within this, and a start does not wait longer for those that do not. */
const waitMs = 1_000;
const trialMs = 180_000;

export interface RestoreDeps {
  readonly store: RegistrationStore;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: Log;
  /** Why an address may not be dialled by what the configuration says now; undefined when it may. */
  readonly judge: (address: string) => string | undefined;
}

/** Resolves, to the number of registrations, when all serve or a second has passed; the others go on until `signal` aborts. */
export async function restoreCatalog({ store, catalog, clock, judge, log }: RestoreDeps, signal: AbortSignal): Promise<number> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(trialMs)]);
  const serving: Promise<unknown>[] = [];
  let after = "";
  for (;;) {
    const page = await store.tx((tx) => tx.registrations.listActive(after, pageSize));
    for (const registration of page) {
      const violation = judge(registration.address);
      if (violation !== undefined) {
        log("warn", "catalog.not-restored", { service: registration.serviceId, why: `its address ${violation}` });
        continue;
      }
      await catalog.register(entryOfRegistration(registration), limit);
      serving.push(serveOncePassing({ store, catalog, judge }, registration, limit).catch(() => undefined));
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) break;
    after = last.id;
  }
  const over = new AbortController();
  await Promise.race([Promise.all(serving), clock.sleep(waitMs, AbortSignal.any([limit, over.signal])).catch(() => undefined)]);
  over.abort();
  return serving.length;
}

async function serveOncePassing(ports: Pick<RestoreDeps, "store" | "catalog" | "judge">, registration: Registration, signal: AbortSignal): Promise<void> {
  await ports.catalog.awaitPassing(registration.serviceId, registration.id, signal);
  const isCurrent = await writeEntry(ports, registration, signal);
  if (!isCurrent) await showEntry(ports, registration.id, signal);
}
