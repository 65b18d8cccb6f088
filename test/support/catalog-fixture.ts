import type { Catalog, CatalogEntry, CatalogInstance } from "../../src/registration/ports.ts";
import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { HealthServer } from "./health-server.ts";

export interface CatalogUnderTest extends AsyncDisposable {
  readonly catalog: Catalog;
  /** A name that no other test uses. */
  unique(name: string): string;
  readonly capabilities: {
    /** The same backend as another process sees it. Absent: the backend lives in one process. */
    readonly another?: () => Catalog;
    /** A catalog whose backend cannot be reached. Absent: it always can. */
    readonly unreachable?: () => Catalog;
    /** It tells when a check was made last. */
    readonly tellsChecks?: true;
  };
}

export type OpenCatalog = () => Promise<CatalogUnderTest>;

/** For each test of the contract. */
export const limit = { timeout: 90_000 };

export const signal = (): AbortSignal => AbortSignal.timeout(limit.timeout);

/** An entry of a new attempt for the module at `server`. */
export function entryFor(it: CatalogUnderTest, server: Pick<HealthServer, "host" | "port" | "tls">, more: Partial<CatalogEntry> = {}): CatalogEntry {
  const name = more.name ?? it.unique("echo");
  return {
    serviceId: `${name}-${server.host}-${server.port}`,
    attemptId: randomUUID(),
    name,
    type: "SERVICE",
    version: "1.2.3",
    address: server.host,
    port: server.port,
    tags: ["blue", "capability:PARSER"],
    metadata: { team: "search" },
    check: { address: server.host, port: server.port, tls: server.tls, serverName: "localhost" },
    ...more,
  };
}

/** The one instance under the entry's service id. */
export async function only(catalog: Catalog, entry: CatalogEntry): Promise<CatalogInstance> {
  const [found, ...others] = await catalog.instances({ serviceId: entry.serviceId }, signal());
  expect(others).toEqual([]);
  if (found === undefined) throw new Error(`no instance ${entry.serviceId}`);
  return found;
}

export async function passTrial(catalog: Catalog, entry: CatalogEntry): Promise<void> {
  await catalog.register(entry, signal());
  await catalog.awaitPassing(entry.serviceId, entry.attemptId, signal());
}

export async function serve(catalog: Catalog, entry: CatalogEntry): Promise<void> {
  await passTrial(catalog, entry);
  await catalog.promote(entry, signal());
}
