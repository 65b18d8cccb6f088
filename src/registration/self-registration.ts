/**
 * This server's own entry in the catalog, so that clients find it as they find everything else.
 *
 * Guarantees: each process has an entry of its own, which it puts back when the catalog has lost it and takes out when it
 * stops; one that crashed leaves an entry whose check fails, so that nobody is sent there, and which the catalog removes
 * a minute or so later. It is no registration: the record does not know it, and other replicas leave it alone.
 */
import type { Log } from "../kernel/log.ts";
import type { LoopSpec } from "../kernel/loop.ts";
import type { Catalog, CatalogEntry } from "./ports.ts";

const removeAfterMs = 60_000;
const everyMs = 15_000;
const endMs = 2_000;
/** After a change of the catalog, until the entry is looked for. */
export const selfPauseMs = 2_000;

export interface SelfAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** This process. */
  readonly owner: string;
}

const attemptPrefix = "self-";

/** True for what stands in the place of an attempt's id in a server's own entry. */
export function isOfServer(attemptId: string | undefined): boolean {
  return attemptId?.startsWith(attemptPrefix) === true;
}

export function selfEntry({ name, host, port, tls, owner }: SelfAddress): CatalogEntry {
  return {
    serviceId: `${name}-${host}-${port}`,
    attemptId: `${attemptPrefix}${owner}`,
    name,
    type: "SERVICE",
    version: "",
    address: host,
    port,
    tags: ["muster"],
    metadata: { "muster-self": "true" },
    check: { address: host, port, tls, serverName: host },
    removeAfterMs,
  };
}

/** Puts the entry into the catalog unless it is there as it should be. True when it had to be put there. */
export async function keepRegistered(catalog: Catalog, entry: CatalogEntry, signal: AbortSignal): Promise<boolean> {
  const there = await catalog.instances({ serviceId: entry.serviceId }, signal);
  // The port is ours, so that whatever else says it is there is gone.
  if (there.some((it) => it.attemptId === entry.attemptId && catalog.differences(entry, it).length === 0)) return false;
  await catalog.promote(entry, signal);
  return true;
}

export interface SelfDeps {
  readonly catalog: Catalog;
  readonly log: Log;
  readonly wokenBy: NonNullable<LoopSpec["wokenBy"]>;
}

/** Keeps the entry of this address in the catalog; `end` takes it out, for a server that stops. */
export function selfRegistration(address: SelfAddress, { catalog, log, wokenBy }: SelfDeps): { readonly loop: LoopSpec; end(): Promise<void> } {
  const entry = selfEntry(address);
  const round = async (signal: AbortSignal): Promise<boolean> => {
    if (await keepRegistered(catalog, entry, signal)) log("info", "self.registered", { service: entry.serviceId });
    return false;
  };
  return {
    loop: { name: "self", everyMs, round, wokenBy },
    async end() {
      const done = catalog.deregister(entry.serviceId, entry.attemptId, AbortSignal.timeout(endMs));
      await done.catch((error: unknown) => log("warn", "self.not-deregistered", { error }));
    },
  };
}
