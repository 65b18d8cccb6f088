import type { CatalogInstance } from "../ports.ts";
import { describe, expect, test } from "vitest";
import { entryDifferences, entryMeta, entryTags, steadyCheckId } from "../../adapters/catalog-entry.ts";
import type { Critical, Registration } from "../records.ts";
import { entryOfRegistration } from "./show-entry.ts";
import { compare, confirmed, needsBrake } from "./compare.ts";
import { nothingSeen, plan, type Memory } from "./plan.ts";

function registration(index: number): Registration {
  const host = `10.0.0.${index}`;
  return {
    id: `attempt-${index}`,
    serviceId: `echo-${host}-80`,
    name: "echo",
    host,
    port: 80,
    type: "MODULE",
    version: "1.0.0",
    state: "ACTIVE",
    request: {
      name: "echo",
      type: "MODULE",
      connectivity: { advertisedHost: host, advertisedPort: 80, tlsEnabled: false },
      version: "1.0.0",
      metadata: { team: "a" },
      tags: ["x"],
      capabilities: ["PARSER"],
      httpEndpoints: [],
      grpcServices: [],
      validateOnly: false,
      waitForApproval: false,
      healthTimeoutMs: 1,
      startupGraceMs: 0,
    },
    requestHash: "",
    address: host,
    schema: undefined,
    description: undefined,
    actor: "",
    registeredAt: 0,
    updatedAt: 0,
  };
}

/** What the catalog tells of an entry as the record wants it. */
function listed(from: Registration, changes: Partial<CatalogInstance> = {}): CatalogInstance {
  const entry = entryOfRegistration(from);
  return {
    serviceId: entry.serviceId,
    name: entry.name,
    attemptId: entry.attemptId,
    address: entry.address,
    port: entry.port,
    tags: entryTags(entry),
    meta: entryMeta(entry),
    status: "passing",
    onTrial: false,
    checks: [{ id: steadyCheckId(entry.attemptId), status: "passing", output: "" }],
    ...changes,
  };
}

const many = Array.from({ length: 10 }, (_, index) => registration(index));
const first = many[0]!;
const seen = (active: readonly Registration[], catalog: readonly CatalogInstance[]) => compare(active, catalog, entryDifferences);
const planned = (catalog: readonly CatalogInstance[], published: readonly Critical[] = [], memory: Memory = nothingSeen, now = 1_000) =>
  plan(seen([first], catalog), { published, memory, now, reapAfterMs: 10_000 });

describe("a comparison", () => {
  test("finds nothing where the catalog is as it should be, whatever else is in it", () => {
    const others: CatalogInstance = { ...listed(registration(99)), serviceId: "other", attemptId: undefined };
    const found = seen(many, [...many.map((it) => listed(it)), others]);
    expect(found).toMatchObject({ total: 10, missing: [], displaced: [], drifted: [], critical: [], unclaimed: [] });
    expect(found.healthy).toEqual(many);
  });

  test.each([
    ["name", { name: "other" }],
    ["address", { address: "10.9.9.9" }],
    ["address", { port: 81 }],
    ["tags", { tags: ["x", "module"] }],
    ["tags", { tags: [] }],
    ["metadata", { meta: { ...listed(first).meta, team: "b" } }],
    ["metadata", { meta: { ...listed(first).meta, more: "1" } }],
    ["check", { checks: [] }],
    ["check", { onTrial: true }],
  ] as const)("tells a different %s", (part, changes) => {
    expect(seen([first], [listed(first, changes)]).drifted).toEqual([{ registration: first, parts: [part] }]);
  });

  test("parts what is gone from what something else stands in for", () => {
    const usurper = listed(first, { attemptId: "another" });
    expect(seen([first], [])).toMatchObject({ missing: [first], displaced: [], unclaimed: [] });
    expect(seen([first], [usurper])).toMatchObject({ missing: [], displaced: [first], unclaimed: [usurper] });
    // The same service id at another agent.
    expect(seen([first], [usurper, listed(first)])).toMatchObject({ missing: [], displaced: [], unclaimed: [usurper] });
  });

  test("takes maintenance for no illness", () => {
    expect(seen([first], [listed(first, { status: "maintenance" })]).critical).toEqual([]);
    expect(seen([first], [listed(first, { status: "critical" })]).critical).toEqual([first]);
  });

  test("counts an absence only when it is there both times", () => {
    const without = (...gone: readonly number[]) =>
      seen(
        many,
        many.filter((_, index) => !gone.includes(index)).map((it) => listed(it)),
      );
    expect(confirmed(without(0, 1, 2), without(1, 2, 3)).missing).toEqual([many[1], many[2]]);
    expect(confirmed(without(0), without()).missing).toEqual([]);
  });
});

test.each([
  [10, 2, false],
  [10, 3, true],
  [100, 20, false],
  [100, 21, true],
  [3, 3, true],
  // One of two: careful looks would change nothing but the time.
  [2, 2, false],
  [0, 0, false],
])("of %i registrations %i gone: the brake is %s", (total, gone, braked) => {
  expect(needsBrake({ total, missing: Array.from({ length: gone }, () => first) })).toBe(braked);
});

describe("a plan", () => {
  test("is empty when nothing differs", () => {
    const { memory, ...todo } = planned([listed(first)]);
    expect(Object.values(todo).flat()).toEqual([]);
    expect(memory).toEqual(nothingSeen);
  });

  test("removes what nobody claims at the second look, not at the first, and not what another round had not seen", () => {
    const left = listed(registration(7));
    const one = planned([listed(first), left]);
    expect(one.remove).toEqual([]);
    expect(planned([listed(first), left], [], one.memory).remove).toEqual([left]);
    const gone = planned([listed(first)], [], one.memory);
    expect(planned([listed(first), left], [], gone.memory).remove).toEqual([]);
    const another = { ...left, attemptId: "later" };
    expect(planned([listed(first), another], [], one.memory).remove).toEqual([]);
  });

  test("reports a critical instance at the second look, since the first, and once", () => {
    const critical = [listed(first, { status: "critical" })];
    const one = planned(critical, [], nothingSeen, 1_000);
    expect(one.tell).toEqual([]);
    const two = planned(critical, [], one.memory, 2_000);
    expect(two.tell).toEqual([{ registrationId: first.id, serviceId: first.serviceId, name: "echo", since: 1_000 }]);
    expect(planned(critical, two.tell, two.memory, 3_000).tell).toEqual([]);
    const well = planned([listed(first)], [], one.memory, 2_000);
    expect(planned(critical, [], well.memory, 3_000).tell).toEqual([]);
  });

  test("reaps only what was published, and only after the limit", () => {
    const critical = [listed(first, { status: "critical" })];
    const published = [{ registrationId: first.id, serviceId: first.serviceId, name: "echo", since: 1_000 }];
    expect(planned(critical, [], nothingSeen, 99_000).reap).toEqual([]);
    expect(planned(critical, published, nothingSeen, 10_999).reap).toEqual([]);
    expect(planned(critical, published, nothingSeen, 11_000).reap).toEqual([{ registration: first, since: 1_000 }]);
    expect(planned([listed(first)], published, nothingSeen, 99_000)).toMatchObject({ reap: [], recovered: published });
  });

  test("takes a missing instance that does not answer for critical, and one that was never asked not", () => {
    const published = [{ registrationId: first.id, serviceId: first.serviceId, name: "echo", since: 1_000 }];
    expect(planned([], published, nothingSeen, 99_000)).toMatchObject({ restore: [first], reap: [], recovered: [], forget: [] });
    const asked = { ...nothingSeen, unreachable: new Set([first.id]) };
    expect(planned([], published, asked, 99_000).reap).toEqual([{ registration: first, since: 1_000 }]);
    expect(planned([], [], asked, 2_000).memory.ailing).toEqual(new Map([[first.id, 2_000]]));
  });

  test("forgets what was published of a registration that is no more", () => {
    const published = [{ registrationId: "gone", serviceId: "x", name: "x", since: 1 }];
    expect(planned([listed(first)], published)).toMatchObject({ forget: published, recovered: [], reap: [] });
  });
});
