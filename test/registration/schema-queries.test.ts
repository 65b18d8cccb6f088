/** Which schema versions can be read, from record and registry, and what is answered when the registry is away. */
import { expect, test } from "vitest";
import { refused, unavailable } from "../../src/kernel/errors.ts";
import type { SchemaRegistry } from "../../src/registration/ports.ts";
import { findSchema, getSchemaVersion, listSchemaVersions, maxVersions, type SchemaQueryPorts } from "../../src/registration/schemas/schema-queries.ts";
import { schemaVersion } from "../contract/store/fixtures.ts";
import { untilAborted } from "../support/until-aborted.ts";
import { openWorkshop, type Workshop } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);
const id = "parser-config";
const owner = { what: "module", name: "parser" } as const;

/** Versions of the record, by what they are in it. */
async function record({ store }: Workshop, versions: Readonly<Record<string, "PENDING" | "ENABLED" | "RELEASING" | "DISABLED">>): Promise<void> {
  let createdAt = 0;
  for (const [version, state] of Object.entries(versions)) {
    await store.tx((tx) => tx.schemas.insert(schemaVersion(version, { state, content: `recorded ${version}`, createdAt: (createdAt += 1) })));
  }
}

/** The record of the workshop beside a registry that has these versions, or fails so. */
function beside({ ports }: Workshop, versions: readonly string[] | Error, changes: Partial<SchemaRegistry> = {}): SchemaQueryPorts {
  const schemas: SchemaRegistry = {
    ...ports.schemas,
    versions: async () => {
      if (versions instanceof Error) throw versions;
      return versions;
    },
    get: async (_artifactId, version) => (versions instanceof Error || !versions.includes(version) ? undefined : `registered ${version}`),
    ...changes,
  };
  return { store: ports.store, schemas };
}

const named = (listed: { readonly versions: readonly { readonly version: string; readonly recorded: unknown }[] }) =>
  listed.versions.map(({ version, recorded }) => `${version}${recorded ? " recorded" : ""}`);

test("versions are those the record has as enabled, the newest first, then those that only the registry has, the newest first", async () => {
  await using workshop = await openWorkshop();
  await record(workshop, { a: "ENABLED", b: "PENDING", c: "RELEASING", d: "DISABLED", e: "ENABLED" });
  const listed = await listSchemaVersions(beside(workshop, ["x", "a", "b", "c", "d", "y"]), id, owner, soon());
  expect(named(listed)).toEqual(["e recorded", "a recorded", "y", "x"]);
  expect(listed).toMatchObject({ artifactId: id, away: undefined });
});

test("no more than a thousand are listed, and those of the record come first", async () => {
  await using workshop = await openWorkshop();
  await record(workshop, { a: "ENABLED" });
  const many = Array.from({ length: maxVersions + 5 }, (_, n) => `r${n}`);
  const { versions } = await listSchemaVersions(beside(workshop, many), id, owner, soon());
  expect(versions).toHaveLength(maxVersions);
  expect(versions.slice(0, 2).map(({ version }) => version)).toEqual(["a", "r1004"]);
});

test.each([unavailable("schema registry", "scripted"), refused("schema registry", "scripted")])(
  "a registry that fails (%s) is no failure while the record has the answer, which says what it may lack",
  async (failure) => {
    await using workshop = await openWorkshop();
    const ports = beside(workshop, failure);
    await expect(listSchemaVersions(ports, id, owner, soon())).rejects.toBe(failure);
    await expect(findSchema(ports, id, undefined, owner, soon())).rejects.toBe(failure);
    await record(workshop, { a: "ENABLED", b: "ENABLED" });
    expect(await listSchemaVersions(ports, id, owner, soon())).toMatchObject({ away: failure, versions: [{ version: "b" }, { version: "a" }] });
    expect(await findSchema(ports, id, "a", owner, soon())).toMatchObject({ found: { version: "a" }, content: "recorded a", away: failure });
    // The registry may have it, which nobody knows now.
    await expect(findSchema(ports, id, "z", owner, soon())).rejects.toBe(failure);
  },
);

test("a registry that does not answer is waited for three seconds", async () => {
  await using workshop = await openWorkshop();
  await record(workshop, { a: "ENABLED" });
  const ports = beside(workshop, [], { versions: (_artifactId, signal) => untilAborted(signal) });
  const listed = await listSchemaVersions(ports, id, owner, soon());
  expect(named(listed)).toEqual(["a recorded"]);
  expect(listed.away).toMatchObject({ kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE", metadata: { dependency: "schema registry" } });
});

test("what is no failure of the registry is thrown as it is, and so is the end of the caller's patience", async () => {
  await using workshop = await openWorkshop();
  await record(workshop, { a: "ENABLED" });
  const bug = new TypeError("a bug");
  await expect(listSchemaVersions(beside(workshop, bug), id, owner, soon())).rejects.toBe(bug);
  const gone = new Error("the caller has gone");
  const over = new AbortController();
  const listing = listSchemaVersions(beside(workshop, [], { versions: (_artifactId, signal) => untilAborted(signal) }), id, owner, over.signal);
  over.abort(gone);
  await expect(listing).rejects.toBe(gone);
});

test("the latest is the newest one of the record, else of the registry; a given one comes from where it is", async () => {
  await using workshop = await openWorkshop();
  const ports = beside(workshop, ["x", "y", "a"]);
  expect(await findSchema(ports, id, undefined, owner, soon())).toMatchObject({ found: { version: "a", recorded: undefined }, content: "registered a" });
  await record(workshop, { a: "ENABLED", b: "ENABLED", off: "DISABLED" });
  expect(await findSchema(ports, id, undefined, owner, soon())).toMatchObject({ artifactId: id, found: { version: "b" }, content: "recorded b" });
  expect(await findSchema(ports, id, "a", owner, soon())).toMatchObject({ found: { recorded: { version: "a" } }, content: "recorded a" });
  expect(await findSchema(ports, id, "x", owner, soon())).toMatchObject({ found: { version: "x" }, content: "registered x" });
  expect((await findSchema(ports, id, "x", owner, soon())).versions.map(({ version }) => version)).toEqual(["b", "a", "y", "x"]);
});

test("a version that is not there, is not enabled or is gone meanwhile is not found, and the others are named", async () => {
  await using workshop = await openWorkshop();
  await record(workshop, { a: "ENABLED", off: "DISABLED" });
  const notFound = (version: string, available: string) => ({
    kind: "not_found",
    reason: "SCHEMA_NOT_FOUND",
    subject: { type: "schema_version", name: `${id}:${version}` },
    metadata: { schema_version: `${id}:${version}`, available_versions: available },
  });
  for (const version of ["z", "off"])
    await expect(findSchema(beside(workshop, ["off", "x"]), id, version, owner, soon())).rejects.toMatchObject(notFound(version, "a, x"));
  const vanishing = beside(workshop, ["x"], { get: async () => undefined });
  await expect(findSchema(vanishing, id, "x", owner, soon())).rejects.toMatchObject(notFound("x", "a, x"));
});

test("an artifact without versions is not found, by who it is of", async () => {
  await using workshop = await openWorkshop();
  await record(workshop, { off: "DISABLED" });
  for (const what of ["module", "connector", "artifact"] as const) {
    const wanted = { kind: "not_found", reason: "SCHEMA_NOT_FOUND", subject: { type: what, name: "it" }, metadata: { [what]: "it" } };
    await expect(listSchemaVersions(beside(workshop, ["off"]), id, { what, name: "it" }, soon())).rejects.toMatchObject(wanted);
    await expect(findSchema(beside(workshop, []), id, undefined, { what, name: "it" }, soon())).rejects.toMatchObject(wanted);
  }
});

test("a version as the record has it is found in any state, and of many others only so many are named", async () => {
  await using workshop = await openWorkshop();
  await record(workshop, { off: "DISABLED" });
  expect(await getSchemaVersion(workshop, id, "off")).toMatchObject({ state: "DISABLED", content: "recorded off" });
  await record(workshop, Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`version-${String(n).padStart(2, "0")}`, "PENDING" as const])));
  const error = (await getSchemaVersion(workshop, id, "none").catch((thrown: unknown) => thrown)) as { readonly metadata: Readonly<Record<string, string>> };
  // Each takes 12 characters with its comma: 20 of them fit into 250.
  const shown = Array.from({ length: 20 }, (_, n) => `version-${59 - n}`);
  expect(error.metadata["available_versions"]).toBe([...shown, "… and 41 more"].join(", "));
});
