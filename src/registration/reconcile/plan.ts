/**
 * What is to be done about a comparison: pure. It takes what was seen in the rounds before along as a `Memory`, since most
 * things are done only when they are seen twice.
 */
import type { CatalogInstance } from "../ports.ts";
import type { Critical, Registration } from "../records.ts";
import type { Comparison } from "./compare.ts";

/** What one round leaves to the next. Times are epoch milliseconds. */
export interface Memory {
  /** Since when registrations are seen critical or out of reach, by id. */
  readonly ailing: ReadonlyMap<string, number>;
  /** Registrations that were missing and whose instance did not answer. */
  readonly unreachable: ReadonlySet<string>;
  /** Entries that were unclaimed, by `claimKey`. */
  readonly unclaimed: ReadonlySet<string>;
}

export const nothingSeen: Memory = { ailing: new Map(), unreachable: new Set(), unclaimed: new Set() };

export interface Plan {
  /** To be put back, once the instance answers. */
  readonly restore: readonly Registration[];
  /** To be written as the record has them. */
  readonly amend: readonly Registration[];
  /** To be taken out, if the record knows their attempt and it is over. */
  readonly remove: readonly CatalogInstance[];
  /** Critical for the second time: to be reported. */
  readonly tell: readonly Critical[];
  /** Reported as critical, and not so any more. */
  readonly recovered: readonly Critical[];
  /** Reported as critical, and no longer what is registered. */
  readonly forget: readonly Critical[];
  /** Critical for longer than the limit: to be taken off the platform. */
  readonly reap: readonly { readonly registration: Registration; readonly since: number }[];
  readonly memory: Memory;
}

export function plan(
  comparison: Comparison,
  known: { readonly published: readonly Critical[]; readonly memory: Memory; readonly now: number; readonly reapAfterMs: number },
): Plan {
  const { published, memory, now, reapAfterMs } = known;
  const { missing, displaced, drifted, critical, healthy, unclaimed } = comparison;
  const sincePublished = new Map(published.map((it) => [it.registrationId, it.since]));
  const absent = [...missing, ...displaced];
  const unreachable = absent.filter(({ id }) => memory.unreachable.has(id));
  const unwell = [...critical, ...unreachable];
  const ailing = new Map(unwell.map(({ id }) => [id, memory.ailing.get(id) ?? now]));
  const active = new Set([...absent, ...critical, ...healthy].map(({ id }) => id));
  const well = new Set(healthy.map(({ id }) => id));

  return {
    restore: absent,
    amend: drifted.map(({ registration }) => registration),
    remove: unclaimed.filter((it) => memory.unclaimed.has(claimKey(it))),
    tell: unwell.flatMap(({ id, serviceId, name }) => {
      const since = memory.ailing.get(id);
      return since === undefined || sincePublished.has(id) ? [] : [{ registrationId: id, serviceId, name, since }];
    }),
    recovered: published.filter(({ registrationId }) => well.has(registrationId)),
    forget: published.filter(({ registrationId }) => !active.has(registrationId)),
    reap: unwell.flatMap((registration) => {
      const since = sincePublished.get(registration.id);
      return since === undefined || now - since < reapAfterMs ? [] : [{ registration, since }];
    }),
    memory: { ailing, unreachable: new Set(unreachable.map(({ id }) => id)), unclaimed: new Set(unclaimed.map(claimKey)) },
  };
}

function claimKey({ serviceId, attemptId }: CatalogInstance): string {
  return JSON.stringify([serviceId, attemptId]);
}
