/** What admins see of events from outside, and their pruning by hand. */
import type { Caller } from "../kernel/caller.ts";
import { eventsSubject } from "./audits.ts";
import type { InboundDeps } from "./deps.ts";
import type { InboundCount, InboundFilter, PollState } from "./records.ts";
import type { InboundRecord, Source } from "./types.ts";

const batch = 1_000;

export function listEvents({ store }: InboundDeps, filter: InboundFilter): Promise<readonly InboundRecord[]> {
  return store.tx((tx) => tx.inbound.list(filter));
}

export function countEvents({ store }: InboundDeps, tenant: string): Promise<readonly InboundCount[]> {
  return store.tx((tx) => tx.inbound.counts(tenant));
}

/** The sources of a tenant as they are configured, each with how its reading goes, if it is read and that has begun. */
export async function listSources(
  { store, sources }: Pick<InboundDeps, "store" | "sources">,
  tenant: string,
): Promise<readonly (readonly [Source, PollState | undefined])[]> {
  const states = await store.tx((tx) => tx.inboundPolls.list());
  const its = sources().filter((source) => source.tenant === tenant);
  return its.map((source) => [source, source.poll && states.find((state) => state.source === source.name)]);
}

/** Deletes the tenant's events that came more than `ageMs` ago; resolves to their number. */
export async function pruneEvents(
  { store, clock, log }: Pick<InboundDeps, "store" | "clock" | "log">,
  ageMs: number,
  { tenant, key }: Pick<Caller, "tenant" | "key">,
): Promise<number> {
  let deleted = 0;
  for (;;) {
    const count = await store.tx(async (tx) => {
      const pruned = await tx.inbound.prune(ageMs, batch, tenant);
      const detail = { tenant, deleted: String(pruned), older_than_ms: String(ageMs) };
      if (pruned > 0) await tx.audit.append({ subject: eventsSubject(tenant), at: clock.now(), actor: key, action: "INBOUND_PRUNED", detail });
      return pruned;
    });
    deleted += count;
    if (count < batch) break;
  }
  log("info", "inbound.pruned", { tenant, by: key, deleted });
  return deleted;
}
