import type { CatalogEntry } from "../../src/registration/ports.ts";
import { expect, test } from "vitest";
import { createEmbeddedCatalog } from "../../src/adapters/embedded/catalog.ts";
import type { HealthVerdict } from "../../src/registration/types.ts";
import { manualClock } from "../support/manual-clock.ts";

const minute = 60_000;
const signal = new AbortController().signal;
const entry: CatalogEntry = {
  serviceId: "echo-192.0.2.1-80",
  attemptId: "1",
  name: "echo",
  type: "SERVICE",
  version: "1",
  address: "192.0.2.1",
  port: 80,
  tags: [],
  metadata: {},
  check: { address: "192.0.2.1", port: 80, tls: false, serverName: "echo" },
};

function open(verdict: () => HealthVerdict) {
  const clock = manualClock();
  const probes: number[] = [];
  const probe = async () => {
    probes.push(clock.now());
    return verdict();
  };
  return { clock, probes, catalog: createEmbeddedCatalog({ clock, probe }) };
}

test("a trial is probed at once, then more and more slowly down to once a second", async () => {
  const { clock, probes, catalog } = open(() => ({ status: "refused", detail: "" }));
  await catalog.register(entry, signal);
  await clock.pass(5_000);
  expect(probes).toEqual([0, 250, 750, 1_500, 2_500, 3_500, 4_500]);
  await catalog[Symbol.asyncDispose]();
  expect(clock.sleepers()).toBe(0);
});

test("a trial that nobody ends, however healthy, is gone after three minutes", async () => {
  const { clock, catalog } = open(() => ({ status: "serving" }));
  await catalog.register(entry, signal);
  await clock.pass(2.9 * minute);
  expect(await catalog.instances({}, signal)).toHaveLength(1);
  await clock.pass(0.2 * minute);
  expect(await catalog.instances({}, signal)).toEqual([]);
  expect(clock.sleepers()).toBe(0);
});

test("an entry is probed every 10 s and removed when critical for ten minutes without a break", async () => {
  let serving = true;
  const { clock, probes, catalog } = open(() => (serving ? { status: "serving" } : { status: "refused", detail: "" }));
  await catalog.promote(entry, signal);
  await clock.pass(30_000);
  expect(probes).toEqual([10_000, 20_000, 30_000]);
  serving = false;
  await clock.pass(9 * minute);
  expect(await catalog.instances({}, signal)).toMatchObject([{ status: "critical" }]);
  serving = true;
  await clock.pass(10_000);
  expect(await catalog.instances({}, signal)).toMatchObject([{ status: "passing" }]);
  serving = false;
  await clock.pass(10 * minute);
  expect(await catalog.instances({}, signal)).toHaveLength(1);
  await clock.pass(20_000);
  expect(await catalog.instances({}, signal)).toEqual([]);
  expect(clock.sleepers()).toBe(0);
});

test("an entry that is replaced is probed no more, and however long it failed, its successor stays", async () => {
  const clock = manualClock();
  const probed: number[] = [];
  const probe = async ({ port }: { readonly port: number }): Promise<HealthVerdict> => {
    probed.push(port);
    return port === 80 ? { status: "refused", detail: "" } : { status: "serving" };
  };
  const catalog = createEmbeddedCatalog({ clock, probe });
  await catalog.promote(entry, signal);
  await clock.pass(9 * minute);
  const successor = { ...entry, attemptId: "2", check: { ...entry.check, port: 81 } };
  await catalog.promote(successor, signal);
  probed.length = 0;
  await clock.pass(5 * minute);
  expect(new Set(probed)).toEqual(new Set([81]));
  expect(await catalog.instances({}, signal)).toMatchObject([{ attemptId: "2", status: "passing" }]);
  await catalog.deregister(entry.serviceId, "2", signal);
  await clock.pass(minute);
  expect(clock.sleepers()).toBe(0);
});
