/**
 * What it costs to keep many entries as the record says: CPU of the process over a minute in which nothing differs, beside
 * the same minute without reconciling. The record is written directly, so that Muster's own restoring fills the catalog,
 * which is timed too. One health server stands behind all instances.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../../src/adapters/system/clock.ts";
import type { Registration } from "../../src/registration/records.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { startHealthServer, type HealthServer } from "../../test/support/health-server.ts";
import { embeddedBacking, startMuster, type Environment } from "../../test/support/muster.ts";
import { startOwnConsul } from "../../test/support/own-consul.ts";
import { ms, type Row } from "../report.ts";

const ticksPerSecond = 100;
/** 5 % of a core. */
const aimMs = 3_000;

export async function reconcile(bin: string, count: number, measureMs: number): Promise<readonly Row[]> {
  await using consul = await startOwnConsul({ bin });
  await using backing = await embeddedBacking();
  await using server = await startHealthServer();
  const env = { ...backing.env, MUSTER_CATALOG: `consul+${consul.url}` };
  await seed(backing.env, server, count);

  const startedAt = performance.now();
  const on = await cpuOf(env, measureMs, async () => {
    while ((await passing(consul.url)) < count) await pause(500);
    const filledMs = performance.now() - startedAt;
    // What Consul tells of first probes would bring rounds forward.
    await pause(15_000);
    return { filledMs };
  });
  const off = await cpuOf({ ...env, MUSTER_RECONCILE: "off" }, measureMs, async () => void (await pause(5_000)));
  const perMinute = (cpuMs: number) => (cpuMs * 60_000) / measureMs;
  const [muster, floor] = [perMinute(on.cpuMs), perMinute(off.cpuMs)];
  const filledMs = on.ready.filledMs;
  const plain = { n: count, floor: "", ratio: "" };
  return [
    { ...plain, what: `reconcile: ${count} entries from nothing to all passing`, muster: ms(filledMs), aim: "", met: undefined },
    {
      ...plain,
      what: "reconcile: CPU a minute while nothing differs (floor: MUSTER_RECONCILE=off)",
      muster: ms(muster),
      floor: ms(floor),
      ratio: `+${ms(muster - floor)}`,
      aim: `≤ ${ms(aimMs)} more`,
      met: muster - floor <= aimMs,
    },
  ];
}

async function seed(env: Environment, server: HealthServer, count: number): Promise<void> {
  await using store = await openSqliteStore({ path: (env["MUSTER_STORE"] ?? "").replace(/^sqlite:/, ""), clock: systemClock });
  await store.tx(async (tx) => {
    for (let index = 0; index < count; index++) {
      const registration = registrationOf(index, server);
      await tx.instances.claim(registration);
      await tx.registrations.insert(registration);
    }
  });
}

function registrationOf(index: number, { host, port }: HealthServer): Registration {
  const name = `bench-${index}`;
  return {
    id: `bench-${String(index).padStart(6, "0")}`,
    serviceId: `${name}-${host}-${port}`,
    name,
    host,
    port,
    type: "SERVICE",
    version: "1.0.0",
    state: "ACTIVE",
    request: {
      name,
      type: "SERVICE",
      connectivity: { advertisedHost: host, advertisedPort: port, tlsEnabled: false },
      version: "1.0.0",
      metadata: { team: "bench", zone: "a" },
      tags: ["blue", "canary"],
      capabilities: ["PARSER"],
      httpEndpoints: [],
      grpcServices: [],
      validateOnly: false,
      waitForApproval: false,
      healthTimeoutMs: 60_000,
      startupGraceMs: 0,
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

/** CPU a Muster uses in `measureMs` after `ready`. */
async function cpuOf<T>(env: Environment, measureMs: number, ready: () => Promise<T>): Promise<{ readonly cpuMs: number; readonly ready: T }> {
  await using muster = await startMuster(env);
  const result = await ready();
  const before = await cpuMsOf(muster.pid);
  await pause(measureMs);
  const cpuMs = (await cpuMsOf(muster.pid)) - before;
  muster.signal("SIGTERM");
  await muster.ended;
  return { cpuMs, ready: result };
}

async function cpuMsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond;
}

async function passing(url: string): Promise<number> {
  const checks = (await (await fetch(`${url}/v1/health/state/passing`)).json()) as readonly { readonly CheckID: string }[];
  return checks.filter(({ CheckID }) => CheckID.startsWith("steady:")).length;
}
