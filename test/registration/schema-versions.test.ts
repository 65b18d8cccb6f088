/** The life of a schema version: what is reserved, forgotten and released, and what stays because something stands on it. */
import { expect, test } from "vitest";
import { sha256 } from "../../src/kernel/canonical-json.ts";
import type { CheckedSchema } from "../../src/registration/attempts/attempt-context.ts";
import type { SchemaState } from "../../src/registration/schemas/schema-records.ts";
import { forgetUnpublished, releaseLatePublication, releaseSchemaVersion, reserveSchemaVersion } from "../../src/registration/schemas/schema-versions.ts";
import { registration, schemaVersion } from "../contract/store/fixtures.ts";
import { openWorkshop, type Workshop } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);
const place = { artifactId: "parser-config", version: "1.0.0" };
const content = '{"type":"object"}';
const checked: CheckedSchema = { ...place, kind: "JSON", content, sha256: sha256(content), synthesised: false, source: "module", comparison: undefined };

/** The version in this state, published where `published` says what, and a registration that stands on it where `inUse`. */
async function open({ state, published, inUse = false }: { readonly state?: SchemaState; readonly published?: string; readonly inUse?: boolean }) {
  const workshop = await openWorkshop();
  const { store, ports } = workshop;
  if (published !== undefined) await ports.schemas.put({ ...place, kind: "JSON", content: published }, "somebody", soon());
  await store.tx(async (tx) => {
    if (state) await tx.schemas.insert(schemaVersion("1.0.0", { state, content, sha256: checked.sha256 }));
    await tx.registrations.insert(registration("mine"));
    if (inUse) await tx.registrations.insert(registration("other", { serviceId: "other" }));
  });
  return workshop;
}

const recorded = ({ store }: Workshop) => store.tx(async (tx) => (await tx.schemas.find("parser-config", "1.0.0"))?.state);
const served = ({ ports }: Workshop) => ports.schemas.get("parser-config", "1.0.0", soon());

test.each([
  [undefined, "PENDING"],
  ["PENDING", "PENDING"],
  ["ENABLED", "ENABLED"],
  ["DISABLED", "PENDING"],
] as const)("a version that is %s is %s when it is reserved", async (state, then) => {
  await using workshop = await open(state ? { state } : {});
  await workshop.store.tx((tx) => reserveSchemaVersion(tx, "parser", checked, 5));
  expect(await recorded(workshop)).toBe(then);
});

test("what is being released, or has another content or kind, cannot be reserved", async () => {
  await using workshop = await open({ state: "RELEASING" });
  const reserve = (changes: Partial<CheckedSchema> = {}) => workshop.store.tx((tx) => reserveSchemaVersion(tx, "parser", { ...checked, ...changes }, 5));
  await expect(reserve()).rejects.toMatchObject({ kind: "unavailable", reason: "ATTEMPT_IN_FLIGHT" });
  await expect(reserve({ sha256: "other" })).rejects.toMatchObject({ reason: "SCHEMA_VERSION_CONFLICT" });
  await expect(reserve({ kind: "OPENAPI" })).rejects.toMatchObject({ reason: "SCHEMA_VERSION_CONFLICT" });
});

test.each([
  ["PENDING", false, undefined],
  ["PENDING", true, "PENDING"],
  ["ENABLED", false, "ENABLED"],
  ["DISABLED", false, "DISABLED"],
] as const)("of a %s version, in use elsewhere: %s, what is left after it was not published is %s", async (state, inUse, left) => {
  await using workshop = await open({ state, inUse });
  await workshop.store.tx((tx) => forgetUnpublished(tx, place, "mine"));
  expect(await recorded(workshop)).toBe(left);
});

test("who stands on a version that is being released stays known until it is", async () => {
  await using workshop = await open({ state: "RELEASING" });
  await expect(workshop.store.tx((tx) => forgetUnpublished(tx, place, "mine"))).rejects.toMatchObject({ kind: "unavailable" });
});

test("what nobody else stands on is disabled; what somebody does stays; so it is when it is done again, or half done", async () => {
  for (const state of ["PENDING", "ENABLED", "RELEASING"] as const) {
    await using workshop = await open({ state, published: content });
    for (const _again of [1, 2]) await releaseSchemaVersion(workshop.ports, place, "mine", soon());
    expect([await recorded(workshop), await served(workshop)]).toEqual(["DISABLED", undefined]);
  }
  await using used = await open({ state: "ENABLED", published: content, inUse: true });
  await releaseSchemaVersion(used.ports, place, "mine", soon());
  expect([await recorded(used), await served(used)]).toEqual(["ENABLED", content]);
  await using own = await open({ state: "ENABLED", published: content });
  await releaseSchemaVersion(own.ports, place, undefined, soon());
  expect([await recorded(own), await served(own)]).toEqual(["ENABLED", content]);
});

test("a release leaves what was never published, or is somebody else's content, and forgets the record of it", async () => {
  for (const published of [undefined, "somebody else's"]) {
    await using workshop = await open({ state: "PENDING", ...(published === undefined ? {} : { published }) });
    await releaseSchemaVersion(workshop.ports, place, "mine", soon());
    expect([await recorded(workshop), await served(workshop)]).toEqual([undefined, published]);
  }
});

test.each([
  ["no record", undefined],
  ["a record that was disabled", "DISABLED"],
  ["a record that was reserved anew and left", "PENDING"],
] as const)("what was published late, with %s, is disabled unless somebody stands on it", async (_what, state) => {
  const given = { published: content, ...(state ? { state } : {}) };
  await using workshop = await open(given);
  await workshop.store.tx((tx) => tx.registrations.deletePending("mine"));
  await releaseLatePublication(workshop.ports, "parser", checked, soon());
  expect([await recorded(workshop), await served(workshop)]).toEqual(["DISABLED", undefined]);
  await using used = await open({ ...given, inUse: true });
  await releaseLatePublication(used.ports, "parser", checked, soon());
  expect([await recorded(used), await served(used)]).toEqual([state, content]);
});
