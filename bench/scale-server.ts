/**
 * Muster with very many registrations in its record, for `items/scale.ts`: `node scale-server.ts COUNT FILE`. The catalog is
 * the embedded one, filled from the record as at every start; each entry's first health probe passes and further ones are suspended,
 * so that discovery is measured and not ten thousand probes a second.
 */
import { createEmbeddedCatalog } from "../src/adapters/embedded/catalog.ts";
import { systemClock } from "../src/adapters/system/clock.ts";
import { createApp } from "../src/app.ts";
import { parseConfig } from "../src/config/config.ts";
import type { Registration } from "../src/registration/records.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { activeRegistration } from "./registration.ts";

const [count = "0", path = ""] = process.argv.slice(2);
const perName = 10;

function registration(index: number): Registration {
  const host = `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
  return activeRegistration(index, { name: `bench-${Math.floor(index / perName)}`, host, port: 80 });
}

const store = await openSqliteStore({ path, clock: systemClock });
await store.tx(async (tx) => {
  for (let index = 0; index < Number(count); index++) await tx.registrations.insert(registration(index));
});
await store[Symbol.asyncDispose]();

let probes = 0;
/** After a start every entry is probed once before it is shown; further probes are suspended. */
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
