/** Which version a new one is compared with, and what becomes of a comparison that fails. */
import { sha256 } from "../src/kernel/canonical-json.ts";
import type { RegistrationStore } from "../src/registration/records.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unavailable } from "../src/kernel/errors.ts";
import { orAborted } from "../src/kernel/or-aborted.ts";
import { compared } from "../src/registration/schemas/compare-versions.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { schemaVersion } from "./contract/store/fixtures.ts";

let store: RegistrationStore;
beforeAll(async () => {
  store = await openSqliteStore({ path: ":memory:" });
  await store.tx(async (tx) => {
    await tx.schemas.insert(schemaVersion("1", { createdAt: 1, state: "ENABLED", content: "first" }));
    await tx.schemas.insert(schemaVersion("2", { createdAt: 2, state: "ENABLED", content: "second" }));
    await tx.schemas.insert(schemaVersion("3", { createdAt: 3, state: "DISABLED", content: "third" }));
  });
});
afterAll(() => store[Symbol.asyncDispose]());

const soon = () => AbortSignal.timeout(60_000);
const given = (version: string, kind: "JSON" | "OPENAPI" = "JSON") =>
  ({ artifactId: "parser-config", version, kind, content: "new", sha256: sha256("new"), synthesised: false, source: "module" }) as const;

test("with the latest enabled one", async () => {
  const pairs: string[] = [];
  const compareSchemas = async (former: string, next: string) => {
    pairs.push(`${former} ${next}`);
    return { verdict: "BREAKING", changes: [], omitted: 0 } as const;
  };
  expect((await compared({ store, compareSchemas }, given("4"), "ci", soon())).comparison).toMatchObject({ verdict: "BREAKING", against: "2" });
  // One that is known tells what was found when it was made: nothing, here.
  expect((await compared({ store, compareSchemas }, given("1"), "ci", soon())).comparison).toBeUndefined();
  expect((await compared({ store, compareSchemas }, given("4", "OPENAPI"), "ci", soon())).comparison).toBeUndefined();
  expect(pairs).toEqual(["second new"]);
});

test("with the highest before it, where versions are semantic ones", async () => {
  const artifactId = "semantic-config";
  await store.tx(async (tx) => {
    await tx.schemas.insert(schemaVersion("1.0.0", { artifactId, createdAt: 1, state: "ENABLED", content: "first" }));
    await tx.schemas.insert(schemaVersion("2.0.0", { artifactId, createdAt: 2, state: "ENABLED", content: "second" }));
    await tx.schemas.insert(schemaVersion("1.0.2", { artifactId, createdAt: 3, state: "DISABLED", content: "gone" }));
  });
  const compareSchemas = async () => ({ verdict: "COMPATIBLE", changes: [], omitted: 0 }) as const;
  const against = async (version: string) => (await compared({ store, compareSchemas }, { ...given(version), artifactId }, "ci", soon())).comparison?.against;
  expect(await against("1.0.1")).toBe("1.0.0");
  expect(await against("1.0.3")).toBe("1.0.0");
  expect(await against("2.0.0-rc.1")).toBe("1.0.0");
  expect(await against("3.0.0")).toBe("2.0.0");
  expect(await against("0.9.0")).toBeUndefined();
});

test("a comparison that fails is UNKNOWN, unless the attempt is over", async () => {
  const compareSchemas = () => Promise.reject(unavailable("store", "scripted"));
  const { comparison } = await compared({ store, compareSchemas }, given("4"), "ci", soon());
  expect(comparison).toMatchObject({ verdict: "UNKNOWN", against: "2", changes: [{ message: "not compared: store unavailable: scripted" }] });
  const over = new AbortController();
  const endless = (_former: string, _next: string, _share: string, signal: AbortSignal) => orAborted(new Promise<never>(() => undefined), signal);
  const comparing = compared({ store, compareSchemas: endless }, given("4"), "ci", over.signal);
  const why = new Error("over");
  over.abort(why);
  await expect(comparing).rejects.toBe(why);
});
