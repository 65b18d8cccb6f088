/** What the record says, held against what the catalog shows: pure, and of one moment. */
import type { Catalog, CatalogInstance } from "../ports.ts";
import type { Registration } from "../records.ts";
import { entryOfRegistration } from "./show-entry.ts";

export interface Comparison {
  /** How many active registrations there are. */
  readonly total: number;
  /** Active, and gone from the catalog. */
  readonly missing: readonly Registration[];
  /** Active, and under their service id the catalog has an entry that something else made. */
  readonly displaced: readonly Registration[];
  /** Their entry is there, but not as the record wants it. */
  readonly drifted: readonly { readonly registration: Registration; readonly parts: ReturnType<Catalog["differences"]> }[];
  /** Their entry is there, and its check fails. */
  readonly critical: readonly Registration[];
  /** Their entry is there, and its check does not fail. */
  readonly healthy: readonly Registration[];
  /** Entries that name an attempt, but not one whose registration is active: left over, a live attempt's, or another Muster's. */
  readonly unclaimed: readonly CatalogInstance[];
}

/** A registration is gone when the catalog has nothing under its service id, but for trials of other attempts; `found` is what it has there. */
export function isGone(id: string, found: readonly CatalogInstance[]): boolean {
  return found.every(({ attemptId, onTrial }) => onTrial && attemptId !== id);
}

/** `catalog` was read before `active`, or at the same time: what began in between must not look like something left over. */
export function compare(active: readonly Registration[], catalog: readonly CatalogInstance[], differences: Catalog["differences"]): Comparison {
  const byService = Map.groupBy(catalog, ({ serviceId }) => serviceId);
  const ids = new Set(active.map(({ id }) => id));
  const missing: Registration[] = [];
  const displaced: Registration[] = [];
  const drifted: Comparison["drifted"][number][] = [];
  const critical: Registration[] = [];
  const healthy: Registration[] = [];
  for (const registration of active) {
    const found = byService.get(registration.serviceId) ?? [];
    const own = found.find(({ attemptId }) => attemptId === registration.id);
    if (!own) {
      (isGone(registration.id, found) ? missing : displaced).push(registration);
      continue;
    }
    const parts = differences(entryOfRegistration(registration), own);
    if (parts.length > 0) drifted.push({ registration, parts });
    (own.status === "critical" ? critical : healthy).push(registration);
  }
  const unclaimed = catalog.filter(({ attemptId }) => attemptId !== undefined && !ids.has(attemptId));
  return { total: active.length, missing, displaced, drifted, critical, healthy, unclaimed };
}

/** What both comparisons say is gone, the rest as the later one has it: an absence counts only when it is seen again. */
export function confirmed(earlier: Comparison, later: Comparison): Comparison {
  const before = new Set(earlier.missing.map(({ id }) => id));
  return { ...later, missing: later.missing.filter(({ id }) => before.has(id)) };
}

const brakeShare = 0.2;
const brakeLeast = 3;

/** True when so much is gone at once that it is looked at twice more before anything is done about it. */
export function needsBrake({ missing, total }: Pick<Comparison, "missing" | "total">): boolean {
  return missing.length >= brakeLeast && missing.length > total * brakeShare;
}
