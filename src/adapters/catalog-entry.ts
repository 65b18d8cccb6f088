/** The content of an entry, the same in every catalog. */
import type { CatalogEntry, CatalogInstance, EntryPart } from "../registration/ports.ts";
import { catalogMetadata } from "./catalog-metadata.ts";

/** How often a promoted entry is checked. */
export const steadyIntervalMs = 10_000;
/** The catalog itself removes a promoted entry that was critical for this long. */
export const removeAfterMs = 600_000;
/** A trial that is neither promoted nor removed expires; longer than the longest attempt (150 s), so never during one. */
export const trialLifeMs = 180_000;

/** Key of the id of the attempt that created the entry. */
export const registrationIdKey = "registration-id";

/** Checks of a trial: any of them passing once is the verdict `awaitPassing` waits for. */
export const bootCheckId = (attemptId: string, index: number): string => `boot:${attemptId}:${index}`;
/** Never passes: keeps a healthy trial out of discovery, and ends it after `trialLifeMs`. */
export const trialCheckId = (attemptId: string): string => `trial:${attemptId}`;
/**
 * The one check of a promoted entry. Its id names the attempt, not the service: a catalog keeps the status of a check
 * whose id it knows, and a new attempt must not start with its predecessor's.
 */
export const steadyCheckId = (attemptId: string): string => `steady:${attemptId}`;

/** The attempt that a boot check belongs to. */
export function attemptOfBootCheck(checkId: string): string | undefined {
  return /^boot:(.+):\d+$/.exec(checkId)?.[1];
}

export function entryTags(entry: CatalogEntry): readonly string[] {
  return [...new Set(entry.type === "MODULE" ? [...entry.tags, "module"] : entry.tags)];
}

export function entryMeta(entry: CatalogEntry): Readonly<Record<string, string>> {
  const own = {
    version: entry.version,
    "service-type": `SERVICE_TYPE_${entry.type}`,
    "advertised-host": entry.address,
    "advertised-port": String(entry.port),
    [registrationIdKey]: entry.attemptId,
  };
  return catalogMetadata(own, entry.metadata);
}

/** `Catalog.differences`. A catalog returns the id and state of a check, not its target, so only a missing one is detected. */
export function entryDifferences(entry: CatalogEntry, listed: CatalogInstance): readonly EntryPart[] {
  const meta = entryMeta(entry);
  const same: Readonly<Record<EntryPart, boolean>> = {
    name: entry.name === listed.name,
    address: entry.address === listed.address && entry.port === listed.port,
    tags: JSON.stringify(entryTags(entry)) === JSON.stringify(listed.tags),
    metadata: Object.keys(meta).length === Object.keys(listed.meta).length && Object.entries(meta).every(([key, value]) => listed.meta[key] === value),
    check: !listed.onTrial && listed.checks.some(({ id }) => id === steadyCheckId(entry.attemptId)),
  };
  return (Object.keys(same) as EntryPart[]).filter((part) => !same[part]);
}
