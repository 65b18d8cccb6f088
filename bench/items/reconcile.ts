/**
 * The cost of reconciling many entries: the CPU of rounds without differences, in this process, with
 * nothing else in it (a server's discovery reads the catalog too, and would be measured with it). The record is written
 * directly, and reconciling itself fills the catalog, which is timed. One health server, in a separate process,
 * serves all instances.
 */
import { gateOff } from "../../test/support/gate-off.ts";
import type { RegistrationStore } from "../../src/registration/records.ts";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { createConsulCatalog } from "../../src/adapters/consul/catalog.ts";
import { createModuleClient } from "../../src/adapters/module-grpc/module-client.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { createReconciler } from "../../src/registration/reconcile/round.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { startOwnConsul } from "../../test/support/own-consul.ts";
import { openFarm } from "../farm.ts";
import { activeRegistration } from "../registration.ts";
import { ms, type Row } from "../report.ts";

const roundsAMinute = 4;
/** 5 % of a core. */
const aimMs = 3_000;

interface Where {
  readonly host: string;
  readonly port: number;
}

export async function reconcile(bin: string, count: number, rounds: number): Promise<readonly Row[]> {
  await using consul = await startOwnConsul({ bin });
  await using store = await openSqliteStore({ path: ":memory:", clock: systemClock });
  await using catalog = createConsulCatalog({ url: consul.url, clock: systemClock });
  await using farm = openFarm();
  const [server] = await farm.fresh(1);
  if (!server) throw new Error("no server");
  await seed(store, server, count);
  const ids = { next: () => randomUUID() };
  const ports = { store, catalog, module: createModuleClient(), judge: () => undefined, gate: gateOff(), clock: systemClock };
  const own = { owner: "bench", mode: "on", reapAfterMs: 600_000, seenAt: () => Date.now(), log: () => undefined, onRound: () => undefined } as const;
  const { round } = createReconciler({ ports, ids, ...own });
  const never = new AbortController().signal;

  const startedAt = performance.now();
  while ((await passing(consul.url)) < count) await round(never);
  const filledMs = performance.now() - startedAt;
  await pause(2_000);
  await round(never);
  const before = process.cpuUsage();
  const began = performance.now();
  for (let done = 0; done < rounds; done++) await round(never);
  const tookMs = (performance.now() - began) / rounds;
  const used = process.cpuUsage(before);
  const cpuMs = (used.user + used.system) / 1_000 / rounds;
  const plain = { floor: "", ratio: "" };
  return [
    { ...plain, what: `reconcile: ${count} entries from nothing to all passing`, n: count, muster: ms(filledMs), aim: "", met: undefined },
    {
      ...plain,
      what: `reconcile: one round over ${count} entries, nothing differs: CPU · time`,
      n: rounds,
      muster: `${ms(cpuMs)} · ${ms(tookMs)}`,
      aim: "",
      met: undefined,
    },
    {
      ...plain,
      what: `reconcile: CPU a minute at ${roundsAMinute} rounds (12 when the catalog changes all the time)`,
      n: rounds,
      muster: `${ms(cpuMs * roundsAMinute)} (${ms(cpuMs * 12)})`,
      aim: `≤ ${ms(aimMs)}`,
      met: cpuMs * roundsAMinute <= aimMs,
    },
  ];
}

async function seed(store: RegistrationStore, server: Where, count: number): Promise<void> {
  await store.tx(async (tx) => {
    for (let index = 0; index < count; index++) {
      const registration = activeRegistration(index, { ...server, name: `bench-${index}` });
      await tx.instances.claim(registration);
      await tx.registrations.insert(registration);
    }
  });
}

async function passing(url: string): Promise<number> {
  const checks = (await (await fetch(`${url}/v1/health/state/passing`)).json()) as readonly { readonly CheckID: string }[];
  return checks.filter(({ CheckID }) => CheckID.startsWith("steady:")).length;
}
