/** Catalogs for the contract suite. */
import type { Catalog } from "../../src/registration/ports.ts";
import { randomBytes } from "node:crypto";
import { createConsulCatalog } from "../../src/adapters/consul/catalog.ts";
import { createEmbeddedCatalog } from "../../src/adapters/embedded/catalog.ts";
import { createModuleClient } from "../../src/adapters/module-grpc/module-client.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import type { CatalogUnderTest } from "./catalog-fixture.ts";

/** Nobody listens on the discard port. */
const nobodyThere = "http://127.0.0.1:9";

export async function openEmbeddedCatalog(): Promise<CatalogUnderTest> {
  const catalog = createEmbeddedCatalog({ clock: systemClock, probe: createModuleClient().health });
  const run = uniqueRun();
  return {
    catalog,
    unique: (name) => `${name}-${run}`,
    // In this process's memory: nobody can share it, and nothing can keep us from reaching it.
    capabilities: { tellsChecks: true },
    [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose](),
  };
}

/** On the agent at `url` (`http://host:port`); what the test left behind is removed at the end. */
export async function openConsulCatalog(url: string): Promise<CatalogUnderTest> {
  const opened: Catalog[] = [];
  const open = (at: string): Catalog => {
    const catalog = createConsulCatalog({ url: at, clock: systemClock });
    opened.push(catalog);
    return catalog;
  };
  const run = uniqueRun();
  return {
    catalog: open(url),
    unique: (name) => `${name}-${run}`,
    capabilities: { another: () => open(url), unreachable: () => open(nobodyThere) },
    async [Symbol.asyncDispose]() {
      for (const catalog of opened) await catalog[Symbol.asyncDispose]();
      await removeServicesOf(url, run);
    },
  };
}

function uniqueRun(): string {
  return randomBytes(5).toString("hex");
}

async function removeServicesOf(url: string, run: string): Promise<void> {
  const services = (await (await fetch(`${url}/v1/agent/services`)).json()) as Record<string, unknown>;
  for (const id of Object.keys(services).filter((it) => it.includes(run))) {
    await fetch(`${url}/v1/agent/service/deregister/${encodeURIComponent(id)}`, { method: "PUT" });
  }
}
