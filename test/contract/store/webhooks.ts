/** Endpoints, secrets, cursors and deliveries. */
import { describe, expect, test } from "vitest";
import type { MusterStore } from "../../../src/store/parts.ts";
import type { Delivery, Endpoint, Secret } from "../../../src/webhooks/types.ts";
import type { StoreBackend } from "./backend.ts";

const endpoint = (id: string, more: Partial<Endpoint> = {}): Endpoint => ({
  id,
  tenant: "t",
  approvalId: undefined,
  url: `https://example.org/${"x".repeat(2_000)}`,
  types: ["request_approved"],
  subjects: ["type/größe*"],
  secretId: "s",
  description: "für ci",
  createdBy: "idp|a",
  createdAt: 1_700_000_000_000,
  disabled: undefined,
  ...more,
});
const secret: Secret = { id: "s", tenant: "t", description: "", createdBy: "idp|a", createdAt: 1, rotatedAt: undefined, formerUntil: undefined };
const delivery = (id: string, more: Partial<Delivery> = {}): Delivery => ({
  id,
  tenant: "t",
  endpointId: "e",
  approvalId: "r",
  sequence: 1,
  eventId: `r-${id}`,
  eventType: "request_approved",
  state: "PENDING",
  detail: "",
  body: "{}",
  attempts: [],
  createdAt: 1_700_000_000_000,
  nextAt: undefined,
  ...more,
});
const cursor = { endpointId: "e", approvalId: "r", tenant: "t", acked: 3, wanted: 5, taskId: "task" };

export function webhookTests(backend: StoreBackend): void {
  const opened = async () => {
    const it = await backend.open();
    return { ...it, tx: it.store.tx.bind(it.store) as MusterStore["tx"], [Symbol.asyncDispose]: () => it[Symbol.asyncDispose]() };
  };

  describe("endpoints", () => {
    test("come back as they were put and changed, to their tenant alone; a deleted one leaves no cursor", async () => {
      await using it = await opened();
      const disabled = endpoint("e", { disabled: { at: 5, why: "gone" }, secretId: undefined, types: [] });
      await it.tx((tx) => tx.webhookEndpoints.insert(endpoint("e")));
      expect(await it.tx((tx) => tx.webhookEndpoints.find("t", "e"))).toEqual(endpoint("e"));
      await it.tx((tx) => tx.webhookEndpoints.update(disabled));
      expect(await it.tx((tx) => tx.webhookEndpoints.lock("t", "e"))).toEqual(disabled);
      expect(await it.tx((tx) => tx.webhookEndpoints.find("other", "e"))).toBeUndefined();
      await it.tx((tx) => tx.webhookCursors.insert(cursor));
      await it.tx((tx) => tx.webhookEndpoints.delete("t", "e"));
      expect(await it.tx((tx) => tx.webhookEndpoints.find("t", "e"))).toBeUndefined();
      expect(await it.tx((tx) => tx.webhookCursors.count())).toBe(0);
    });

    test("listen to a request when they are the tenant's or its callback, and enabled; and whether they have a cursor there", async () => {
      await using it = await opened();
      await it.tx(async (tx) => {
        for (const one of [
          endpoint("e"),
          endpoint("f"),
          endpoint("off", { disabled: { at: 1, why: "" } }),
          endpoint("callback", { approvalId: "r" }),
          endpoint("elsewhere", { approvalId: "r2" }),
          endpoint("foreign", { tenant: "u" }),
        ])
          await tx.webhookEndpoints.insert(one);
        await tx.webhookCursors.insert(cursor);
        await tx.webhookCursors.insert({ ...cursor, endpointId: "f", approvalId: "r2" });
      });
      const listeners = await it.tx((tx) => tx.webhookEndpoints.listeners("t", "r"));
      expect(listeners.map((one) => [one.endpoint.id, one.hasCursor])).toEqual([
        ["callback", false],
        ["e", true],
        ["f", false],
      ]);
      const page = await it.tx((tx) => tx.webhookEndpoints.list({ tenant: "t", approvalId: undefined, limit: 2 }));
      expect(page.map(({ id }) => id)).toEqual(["off", "f"]);
      expect((await it.tx((tx) => tx.webhookEndpoints.list({ tenant: "t", approvalId: undefined, limit: 2, beforeId: "f" }))).map(({ id }) => id)).toEqual([
        "e",
      ]);
      expect(await it.tx((tx) => tx.webhookEndpoints.count("t", "r"))).toBe(1);
    });
  });

  test("a secret has at most two values, the newest first, and the former one for its time", async () => {
    await using it = await opened();
    const values = () => it.tx((tx) => tx.webhookSecrets.values("t", "s"));
    await it.tx((tx) => tx.webhookSecrets.insert(secret, "one"));
    expect(await values()).toEqual(["one"]);
    expect(await it.tx((tx) => tx.webhookSecrets.rotate("t", "s", "two", 60_000))).toBe(true);
    expect(await values()).toEqual(["two", "one"]);
    expect(await it.tx((tx) => tx.webhookSecrets.rotate("t", "s", "three", 60_000))).toBe(true);
    expect(await values()).toEqual(["three", "two"]);
    expect(await it.tx((tx) => tx.webhookSecrets.rotate("t", "s", "four", 0))).toBe(true);
    expect(await values()).toEqual(["four"]);
    expect(await it.tx((tx) => tx.webhookSecrets.rotate("u", "s", "five", 0))).toBe(false);
    expect(await it.tx((tx) => tx.webhookSecrets.values("u", "s"))).toEqual([]);
    const [listed] = await it.tx((tx) => tx.webhookSecrets.list({ tenant: "t", limit: 9 }));
    expect(listed).toMatchObject({ id: "s", rotatedAt: expect.any(Number), formerUntil: expect.any(Number) });
    expect(JSON.stringify(listed)).not.toMatch(/one|two|three|four/);
  });

  test("a secret that is deleted has no values any more; what it signs for is found, and whether that still has to be sent something", async () => {
    await using it = await opened();
    const signed = (query: object = {}) => it.tx((tx) => tx.webhookEndpoints.signedBy("s", { tenant: "t", limit: 9, ...query }));
    await it.tx(async (tx) => {
      await tx.webhookSecrets.insert(secret, "one");
      for (const one of [
        endpoint("e"),
        endpoint("f", { approvalId: "r" }),
        endpoint("g", { secretId: "another" }),
        endpoint("h", { secretId: undefined }),
        endpoint("i", { tenant: "u" }),
      ])
        await tx.webhookEndpoints.insert(one);
      await tx.webhookCursors.insert({ ...cursor, endpointId: "f" });
    });
    const [f, e] = [
      { id: "f", approvalId: "r", isWaiting: true },
      { id: "e", approvalId: undefined, isWaiting: false },
    ];
    expect(await signed()).toEqual([f, e]);
    expect(await signed({ limit: 1 })).toEqual([f]);
    expect(await signed({ beforeId: "f" })).toEqual([e]);
    const has = (tenant: string, id: string) =>
      it.tx(async ({ webhookSecrets }) => [await webhookSecrets.keep(tenant, id), await webhookSecrets.lock(tenant, id)]);
    expect(await has("t", "s")).toEqual([true, true]);
    expect(await has("u", "s")).toEqual([false, false]);
    await it.tx((tx) => tx.webhookSecrets.delete("u", "s"));
    expect(await has("t", "s")).toEqual([true, true]);
    await it.tx((tx) => tx.webhookSecrets.delete("t", "s"));
    expect(await has("t", "s")).toEqual([false, false]);
    expect(await it.tx((tx) => tx.webhookSecrets.values("t", "s"))).toEqual([]);
  });

  test("a secret that somebody keeps is not locked before that transaction has ended", async () => {
    await using it = await opened();
    await it.tx((tx) => tx.webhookSecrets.insert(secret, "one"));
    const order: string[] = [];
    let locked: Promise<unknown> = Promise.resolve();
    await it.tx(async (tx) => {
      await tx.webhookSecrets.keep("t", "s");
      locked = it.tx(async (other) => {
        await other.webhookSecrets.lock("t", "s");
        order.push("locked");
      });
      for (const name of ["e", "f"]) await tx.webhookEndpoints.insert(endpoint(name));
      order.push("kept");
    });
    await locked;
    expect(order).toEqual(["kept", "locked"]);
  });

  test("a cursor ends only when nothing more is wanted by then; another task takes it over from where it is told", async () => {
    await using it = await opened();
    const locked = () => it.tx((tx) => tx.webhookCursors.lock("e", "r"));
    expect(await it.tx((tx) => tx.webhookCursors.raise("e", "r", 5))).toBe(false);
    await it.tx((tx) => tx.webhookCursors.insert(cursor));
    const first = await locked();
    expect(first).toMatchObject({ ...cursor, run: 0, tries: 0 });
    expect(first?.dueAt).toBeLessThanOrEqual(first?.now ?? 0);
    await it.tx((tx) => tx.webhookCursors.move({ ...cursor, acked: 4, run: 7, tries: 2, dueAt: 9 }));
    expect(await it.tx((tx) => tx.webhookCursors.raise("e", "r", 8))).toBe(true);
    expect(await it.tx((tx) => tx.webhookCursors.finish(cursor))).toBe(false);
    await it.tx((tx) => tx.webhookCursors.hand("e", "r", "next"));
    expect(await locked()).toMatchObject({ acked: 4, wanted: 8, run: 8, tries: 2, dueAt: 0, taskId: "next" });
    await it.tx((tx) => tx.webhookCursors.hand("e", "r", "again", 1));
    expect(await locked()).toMatchObject({ acked: 1, wanted: 8, run: 9, tries: 0, taskId: "again" });
    expect(await it.tx((tx) => tx.webhookCursors.finish({ ...cursor, wanted: 8 }))).toBe(true);
    expect(await locked()).toBeUndefined();
  });

  test("a delivery is begun once an event and endpoint, and lists show it without its body", async () => {
    await using it = await opened();
    const attempt = { at: 1, ms: 2, result: "REFUSED", status: 500, answer: "größe", error: "HTTP 500", address: "::1", isManual: false } as const;
    const changed = delivery("1", { attempts: [attempt], state: "GIVEN_UP", detail: "failed", nextAt: 5 });
    expect(await it.tx((tx) => tx.webhookDeliveries.begin(delivery("1")))).toEqual(delivery("1"));
    await it.tx((tx) => tx.webhookDeliveries.update(changed));
    expect(await it.tx((tx) => tx.webhookDeliveries.begin(delivery("2", { eventId: "r-1", body: "another" })))).toEqual(changed);
    expect(await it.tx((tx) => tx.webhookDeliveries.find("t", "1"))).toEqual(changed);
    expect(await it.tx((tx) => tx.webhookDeliveries.find("u", "1"))).toBeUndefined();
    expect(await it.tx((tx) => tx.webhookDeliveries.lock("1"))).toEqual(changed);
    await it.tx((tx) => tx.webhookDeliveries.begin(delivery("3", { endpointId: "f" })));
    const list = (filter: object) => it.tx((tx) => tx.webhookDeliveries.list({ tenant: "t", limit: 9, ...filter }));
    expect(await list({})).toEqual([
      { ...delivery("3", { endpointId: "f" }), body: "" },
      { ...changed, body: "" },
    ]);
    expect((await list({ endpointId: "f" })).map(({ id }) => id)).toEqual(["3"]);
    expect((await list({ state: "GIVEN_UP" })).map(({ id }) => id)).toEqual(["1"]);
    expect((await list({ approvalId: "r", beforeId: "3" })).map(({ id }) => id)).toEqual(["1"]);
  });

  test("deliveries are pruned by their age, some at a time", async () => {
    await using it = await opened();
    const now = await it.tx((tx) => tx.webhookClock.now());
    await it.tx(async (tx) => {
      for (const [id, age] of [
        ["1", 90_000],
        ["2", 90_000],
        ["3", 10_000],
      ] as const)
        await tx.webhookDeliveries.begin(delivery(id, { createdAt: now - age }));
    });
    const prune = () => it.tx((tx) => tx.webhookDeliveries.prune(60_000, 1));
    expect([await prune(), await prune(), await prune()]).toEqual([1, 1, 0]);
    expect((await it.tx((tx) => tx.webhookDeliveries.list({ tenant: "t", limit: 9 }))).map(({ id }) => id)).toEqual(["3"]);
  });
}
