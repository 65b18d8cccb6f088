/**
 * Muster with very many registrations in its record, for `items/scale.ts`: `node scale-server.ts COUNT FILE`. The catalog is
 * the embedded one, filled from the record as at every start; each entry's first health probe passes and further ones are held,
 * so that what is measured is discovery and not ten thousand probes a second.
 */
import { createEmbeddedCatalog } from "../src/adapters/embedded/catalog.ts";
import { systemClock } from "../src/adapters/system/clock.ts";
import { createApp } from "../src/app.ts";
import { parseConfig } from "../src/config.ts";
import type { Registration } from "../src/registration/records.ts";
import { serviceIdOf } from "../src/registration/service-id.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";

const [count = "0", path = ""] = process.argv.slice(2);
const perName = 10;

function registration(index: number): Registration {
  const name = `bench-${Math.floor(index / perName)}`;
  const host = `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
  const key = { serviceId: serviceIdOf(name, host, 80), name, host, port: 80 };
  return {
    ...key,
    id: `bench-${String(index).padStart(8, "0")}`,
    type: "SERVICE",
    version: "1.0.0",
    state: "ACTIVE",
    request: {
      name,
      type: "SERVICE",
      connectivity: { advertisedHost: host, advertisedPort: 80, tlsEnabled: false },
      version: "1.0.0",
      metadata: { team: "bench", zone: `z${index % 3}` },
      tags: ["blue"],
      capabilities: ["parse"],
      httpEndpoints: [],
      grpcServices: [],
      validateOnly: false,
      waitForApproval: false,
      healthTimeoutMs: 60_000,
      startupGraceMs: 15_000,
    },
    requestHash: "",
    address: host,
    schema: undefined,
    description: undefined,
    actor: "bench",
    registeredAt: 1,
    updatedAt: 1,
  };
}

const store = await openSqliteStore({ path, clock: systemClock });
await store.tx(async (tx) => {
  for (let index = 0; index < Number(count); index++) await tx.registrations.insert(registration(index));
});
await store[Symbol.asyncDispose]();

let probes = 0;
/** After a start every entry is tried once before it is told; further probes are held. */
const probe = async () => {
  probes += 1;
  return probes <= Number(count) ? { status: "serving" as const } : new Promise<never>(() => undefined);
};
const config = parseConfig({ MUSTER_LISTEN: "127.0.0.1:0", MUSTER_STORE: `sqlite:${path}` }, () => "");
const app = await createApp(config, {
  log: () => undefined,
  decorate: (adapters) => ({ ...adapters, catalog: createEmbeddedCatalog({ clock: systemClock, probe }) }),
});
process.stdout.write(`${app.address.host}:${app.address.port}\n`);
