/**
 * Requests for what is registered already, as every instance makes one each 30 seconds: answered without an attempt.
 *
 * Guarantees: the record decides, as it was read after the request came, so that what another replica has committed counts at
 * once; everybody who waits shares the query. The instance passes in the catalog itself, by a snapshot of at most 10 s ago:
 * what consumers are shown on because the catalog lost it does not count. Nothing is written.
 * Not guaranteed: that every unchanged request is found so. All that is not plainly so is left to `register.ts`, under the lock.
 */
import { can, isOf, type Caller } from "../kernel/caller.ts";
import { batched } from "../kernel/batched.ts";
import { idKeyOf } from "./keys.ts";
import type { DiscoveryView } from "./discovery/view.ts";
import type { RegistrationStore, Settled } from "./records.ts";

const newestMs = 10_000;
const idsAQuery = 500;

/** What a valid request asks for. */
export interface Asked {
  /** As the request spells it. */
  readonly serviceId: string;
  readonly hash: string;
  readonly address: string;
}

/** The registration that is what the caller asks for and may ask for; undefined when that is not plainly so. */
export type FindUnchanged = (asked: Asked, caller: Caller) => Promise<Settled | undefined>;

export interface UnchangedDeps {
  readonly store: RegistrationStore;
  readonly inCatalog: DiscoveryView["inCatalog"];
}

export function createFindUnchanged({ store, inCatalog }: UnchangedDeps): FindUnchanged {
  const settledUnder = batched<string, Settled>(async (idKeys) => {
    const found = await store.tx((tx) => tx.registrations.findSettled(idKeys));
    return new Map(found.map((it) => [idKeyOf(it.serviceId), it]));
  }, idsAQuery);

  /** The attempts whose entries pass. */
  const passing = (serviceId: string) => inCatalog(serviceId, newestMs).flatMap(({ status, attemptId }) => (status === "passing" ? (attemptId ?? []) : []));

  return async ({ serviceId, hash, address }, caller) => {
    if (passing(serviceId).length === 0) return undefined;
    const settled = await settledUnder(idKeyOf(serviceId));
    if (settled?.requestHash !== hash || settled.address !== address) return undefined;
    if (!isOf(settled.owner, caller) && !can(caller, "admin")) return undefined;
    return passing(serviceId).includes(settled.id) ? settled : undefined;
  };
}
