/** `npm run bench -- discovery`: rates and latencies of discovery. Muster on the real Consul with a record in memory, against Consul's own HTTP. */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { embeddedBacking, startMuster } from "../test/support/muster.ts";
import { freshness } from "./items/freshness.ts";
import { idleWatchers } from "./items/idle-watchers.ts";
import { resolveRate } from "./items/resolve-rate.ts";
import { scale } from "./items/scale.ts";
import { sweep } from "./leftovers.ts";
import type { Row } from "./report.ts";
import { openStack } from "./stack.ts";

export const discoveryItems = ["resolve", "fresh", "watchers", "scale"] as const;

/** Measures the named items, in order, and yields each row as it comes. */
export async function benchDiscovery(names: readonly string[], quick: boolean, print: (row: Row) => void): Promise<void> {
  await using stack = await openStack();
  const { consul } = stack.servers;
  const prefix = `bench-${randomUUID().slice(0, 8)}`;
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => sweep(stack.servers, prefix));
  const backing = cleanup.use(await embeddedBacking());
  const muster = await startMuster({ ...backing.env, MUSTER_CATALOG: `consul+${consul}` });
  cleanup.use(muster);

  const put = async (id: string, name = id): Promise<void> => {
    const body = JSON.stringify({
      ID: id,
      Name: name,
      Address: "10.1.2.3",
      Port: 80,
      Tags: ["blue"],
      Meta: { zone: "a" },
      Check: { TTL: "10m", Status: "passing" },
    });
    const answer = await fetch(`${consul}/v1/agent/service/register`, { method: "PUT", body });
    if (!answer.ok) throw new Error(`Consul answered ${answer.status}`);
  };
  const items: Readonly<Record<(typeof discoveryItems)[number], () => AsyncGenerator<Row>>> = {
    async *resolve() {
      for (const instances of [1, 10, 100]) {
        const name = `${prefix}-of-${instances}`;
        for (let index = 0; index < instances; index++) await put(`${name}-${index}`, name);
        await pause(1_000);
        yield* await resolveRate({ consul, muster: muster.address, name, instances, rounds: quick ? 2 : 6, turnMs: quick ? 300 : 1_000 });
      }
    },
    async *fresh() {
      yield* await freshness(consul, muster.address, prefix, quick ? 5 : 50, put);
    },
    async *watchers() {
      // In a separate process: one that has served other calls has spare heap already.
      await using own = await embeddedBacking();
      await using fresh = await startMuster({ ...own.env, MUSTER_CATALOG: `consul+${consul}` });
      yield* await idleWatchers(fresh, quick ? 1_000 : 10_000, prefix, put);
    },
    async *scale() {
      yield* await scale(1_000, quick ? 10_000 : 100_000, quick ? 2 : 6, quick ? 300 : 1_000);
    },
  };
  for (const name of discoveryItems) {
    if (!names.includes(name)) continue;
    try {
      for await (const row of items[name]()) print(row);
    } catch (error) {
      process.stdout.write(`| ${name}: could not be measured: ${error instanceof Error ? error.message : String(error)} |\n`);
      process.exitCode = 1;
    }
    // Each item's own entries are gone before the next begins.
    await sweep(stack.servers, prefix);
  }
}
