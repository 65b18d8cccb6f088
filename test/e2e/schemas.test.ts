/** What consumers are answered about configuration schemas, from the record and from the schema registry. */
import { expect, test } from "vitest";
import { EventType, PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService, SchemaCompatibility, SchemaKind, SchemaState } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { refusal } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { inEveryMode, requestFor, unregister, type World } from "../support/world.ts";

const { getConnectorSchema, getModuleSchema, getModuleSchemaVersions } = PlatformRegistrationService.method;
const schemaOf = (property: string) => JSON.stringify({ type: "object", properties: { [property]: { type: "string" } } });

/** Registers one instance for each version, in this order; `take` ends them. */
async function registered(world: World, name: string, versions: readonly string[]): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  for (const version of versions) {
    const module = stack.use(await startFakeModule({ name, version, schema: schemaOf(version) }));
    const { types, errorDetail } = await world.client.register(requestFor(name, module, { version }));
    expect(types.at(-1), errorDetail).toBe("COMPLETED");
    stack.defer(async () => void (await unregister(world.client, name, module)));
  }
  return stack.move();
}

inEveryMode("schemas", (world) => {
  test("the latest version, a given one, and the list", async () => {
    const { client, unique } = world();
    const name = unique("versions");
    await using _modules = await registered(world(), name, ["1.0.0", "1.1.0", "0.9.0-backport"]);
    const latestFirst = ["1.1.0", "1.0.0", "0.9.0-backport"];

    const latest = await client.unary(getModuleSchema, { moduleName: name });
    expect(latest).toMatchObject({
      moduleName: name,
      artifactId: `${name}-config`,
      schemaVersion: "1.1.0",
      schemaJson: schemaOf("1.1.0"),
      availableVersions: latestFirst,
      metadata: { source: "record", synthesised: "false", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect((await client.unary(getModuleSchema, { moduleName: name, version: "1.0.0" })).schemaJson).toBe(schemaOf("1.0.0"));

    const listed = await client.unary(getModuleSchemaVersions, { moduleName: name });
    expect(listed).toMatchObject({ moduleName: name, artifactId: `${name}-config`, latestVersion: "1.1.0" });
    expect(listed.versions.map(({ version }) => version)).toEqual(latestFirst);
    const times = listed.versions.map(({ createdAt }) => Number(createdAt?.seconds) * 1_000 + Number(createdAt?.nanos) / 1e6);
    expect(times[0]).toBeGreaterThan(times[1] ?? Infinity);
    expect(times[2]).toBeGreaterThan(times[0] ?? Infinity);
  });

  test("an unknown module, an unknown version, and what can be neither", async () => {
    const { client, unique } = world();
    const name = unique("known");
    await using _modules = await registered(world(), name, ["1.0.0", "2.0.0"]);
    for (const [method, request] of [
      [getModuleSchema, { moduleName: unique("nobody") }],
      [getModuleSchemaVersions, { moduleName: unique("nobody") }],
    ] as const) {
      const status = await refusal(client, method as typeof getModuleSchema, request);
      expect(status).toMatchObject({ code: 5, reason: "SCHEMA_NOT_FOUND", metadata: { module: unique("nobody") } });
      expect(status.resource).toMatchObject({ resourceType: "module", resourceName: unique("nobody") });
    }
    const missing = await refusal(client, getModuleSchema, { moduleName: name, version: "3.0.0" });
    expect(missing).toMatchObject({ code: 5, reason: "SCHEMA_NOT_FOUND", metadata: { available_versions: "2.0.0, 1.0.0" } });
    expect(missing.resource).toMatchObject({ resourceType: "schema_version", resourceName: `${name}-config:3.0.0` });
    expect(await refusal(client, getConnectorSchema, { connectorType: name })).toMatchObject({ code: 5, metadata: { connector: name } });

    expect(await refusal(client, getModuleSchema, { moduleName: "", version: "1 0" })).toMatchObject({ code: 3, fields: ["module_name", "version"] });
    expect(await refusal(client, getModuleSchemaVersions, { moduleName: "a/b" })).toMatchObject({ code: 3, fields: ["module_name"] });
    expect(await refusal(client, getConnectorSchema, {})).toMatchObject({ code: 3, fields: ["connector_type"] });
  });

  test("of very many versions as many are named as fit into an error", async () => {
    const { client, unique } = world();
    const name = unique("many");
    const versions = Array.from({ length: 8 }, (_, index) => `${index}.${"0".repeat(60)}`);
    await using _modules = await registered(world(), name, versions);
    const { metadata } = await refusal(client, getModuleSchema, { moduleName: name, version: "none" });
    expect(metadata["available_versions"]).toBe(`${versions.slice(-3).toReversed().join(", ")}, … and 5 more`);
    expect((await client.unary(getModuleSchema, { moduleName: name })).availableVersions).toEqual(versions.toReversed());
  });

  test("a version that no registration stands on any more is not given out", async () => {
    const { client, unique } = world();
    const name = unique("gone");
    const old = await registered(world(), name, ["1.0.0"]);
    await using _new = await registered(world(), name, ["2.0.0"]);
    await old[Symbol.asyncDispose]();
    expect((await client.unary(getModuleSchema, { moduleName: name })).availableVersions).toEqual(["2.0.0"]);
    expect(await refusal(client, getModuleSchema, { moduleName: name, version: "1.0.0" })).toMatchObject({ code: 5 });
  });
});

const { compareSchemas, getSchemaVersion } = RegistrationService.method;
const depth = (more: object) => JSON.stringify({ type: "object", properties: { depth: { type: "integer", ...more } } });

inEveryMode("compatibility of schemas", (world) => {
  test("a new version is compared with the latest one; the result is in the event, with the version and everywhere", async () => {
    const { client, unique } = world();
    const name = unique("verdict");
    const artifactId = `${name}-config`;
    await using stack = new AsyncDisposableStack();
    const facts: (readonly [string | undefined, string | undefined])[] = [];
    for (const [version, schema] of [
      ["1", depth({ minimum: 1 })],
      ["2", depth({ minimum: 0 })],
      ["3", depth({ minimum: 5 })],
      ["4", `${depth({ minimum: 5 })}\n`],
    ] as const) {
      const module = stack.use(await startFakeModule({ name, version, schema }));
      const { events, types, errorDetail } = await client.register(requestFor(name, module, { version }));
      expect(types.at(-1), errorDetail).toBe("COMPLETED");
      stack.defer(async () => void (await unregister(client, name, module)));
      const data = events.find(({ eventType }) => eventType === EventType.SCHEMA_VALIDATED)?.eventData;
      const values = data?.case === "metadata" ? data.value.values : {};
      facts.push([values["compatibility"], values["compared_with"]]);
    }
    expect(facts).toEqual([
      [undefined, undefined],
      ["COMPATIBLE", "1"],
      ["BREAKING", "2"],
      ["NONE", "3"],
    ]);

    const { schema: first } = await client.unary(getSchemaVersion, { artifactId, version: "1" });
    expect(first).toMatchObject({
      artifactId,
      version: "1",
      name,
      kind: SchemaKind.JSON,
      content: depth({ minimum: 1 }),
      synthesised: false,
      comparedWith: "",
    });
    expect(first?.state).toBe(SchemaState.ENABLED);
    expect(first?.comparison).toBeUndefined();
    const { schema: third } = await client.unary(getSchemaVersion, { artifactId, version: "3" });
    expect(third).toMatchObject({ comparedWith: "2", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(third?.comparison).toMatchObject({ compatibility: SchemaCompatibility.BREAKING, omittedChanges: 0 });
    expect(third?.comparison?.changes).toEqual([
      expect.objectContaining({
        pointer: "/properties/depth/minimum",
        keyword: "minimum",
        compatibility: SchemaCompatibility.BREAKING,
        before: "0",
        after: "5",
      }),
    ]);
    expect(third?.comparison?.diff).toMatch(/^BREAKING\n✗ \/properties\/depth\/minimum {2}.*0.*5/);

    const listed = await client.unary(getModuleSchemaVersions, { moduleName: name });
    expect(listed.versions.map(({ version, metadata }) => [version, metadata["compatibility"]])).toEqual([
      ["4", "NONE"],
      ["3", "BREAKING"],
      ["2", "COMPATIBLE"],
      ["1", undefined],
    ]);

    const across = await client.unary(compareSchemas, { subject: { case: "stored", value: { artifactId, formerVersion: "1", nextVersion: "4" } } });
    expect(across.comparison?.compatibility).toBe(SchemaCompatibility.BREAKING);
    const back = await client.unary(compareSchemas, { subject: { case: "stored", value: { artifactId, formerVersion: "4", nextVersion: "1" } } });
    expect(back.comparison?.compatibility).toBe(SchemaCompatibility.COMPATIBLE);
  });

  test("what was found is kept: the same content again says the same, and a version that is disabled is no former one", async () => {
    const { client, unique } = world();
    const name = unique("kept");
    const artifactId = `${name}-config`;
    const run = async (version: string, schema: string) => {
      const module = await startFakeModule({ name, version, schema });
      expect((await client.register(requestFor(name, module, { version }))).types.at(-1)).toBe("COMPLETED");
      return {
        async [Symbol.asyncDispose]() {
          await unregister(client, name, module);
          await module[Symbol.asyncDispose]();
        },
      };
    };
    {
      await using _one = await run("1", depth({ minimum: 1 }));
      await using _two = await run("2", depth({ minimum: 2 }));
    }
    const { schema: gone } = await client.unary(getSchemaVersion, { artifactId, version: "2" });
    expect(gone).toMatchObject({ state: SchemaState.DISABLED, comparedWith: "1" });
    // Both are disabled: the third is the first again.
    await using _three = await run("3", depth({ minimum: 3 }));
    expect((await client.unary(getSchemaVersion, { artifactId, version: "3" })).schema?.comparedWith).toBe("");
    await using _twoAgain = await run("2", depth({ minimum: 2 }));
    expect((await client.unary(getSchemaVersion, { artifactId, version: "2" })).schema).toMatchObject({ state: SchemaState.ENABLED, comparedWith: "1" });
    // A disabled version can still be compared.
    const stored = { artifactId, formerVersion: "1", nextVersion: "3" };
    const { comparison } = await client.unary(compareSchemas, { subject: { case: "stored", value: stored } });
    expect(comparison?.compatibility).toBe(SchemaCompatibility.BREAKING);
  });

  test("two texts, under the rules of registration", async () => {
    const { client } = world();
    const inline = (formerJson: string, nextJson: string) => ({ subject: { case: "inline", value: { formerJson, nextJson } } as const });
    const { comparison } = await client.unary(compareSchemas, inline('{"type":"string"}', '{"type":["string","null"]}'));
    expect(comparison?.compatibility).toBe(SchemaCompatibility.COMPATIBLE);
    expect(await refusal(client, compareSchemas, inline("{}", "{"))).toMatchObject({ code: 3, reason: "SCHEMA_NOT_JSON", fields: ["inline.next_json"] });
    expect(await refusal(client, compareSchemas, inline('{"$ref":"http://x.example"}', "{}"))).toMatchObject({
      code: 3,
      reason: "SCHEMA_REMOTE_REF",
      fields: ["inline.former_json"],
    });
    const large = JSON.stringify({ title: "x".repeat(256 << 10) });
    expect(await refusal(client, compareSchemas, inline(large, "{}"))).toMatchObject({ code: 3, reason: "SCHEMA_TOO_LARGE" });
    expect(await refusal(client, compareSchemas, {})).toMatchObject({ code: 3, reason: "INVALID_FIELDS", fields: ["subject"] });
  });

  test("what is not there, and what cannot be", async () => {
    const { client, unique } = world();
    const name = unique("one-version");
    const artifactId = `${name}-config`;
    await using _modules = await registered(world(), name, ["1.0.0"]);
    const stored = { artifactId, formerVersion: "1.0.0", nextVersion: "2.0.0" };
    const missing = await refusal(client, compareSchemas, { subject: { case: "stored", value: stored } });
    expect(missing).toMatchObject({ code: 5, reason: "SCHEMA_NOT_FOUND", metadata: { available_versions: "1.0.0" } });
    expect(await refusal(client, getSchemaVersion, { artifactId, version: "2.0.0" })).toMatchObject({ code: 5, metadata: { available_versions: "1.0.0" } });
    const nobody = await refusal(client, getSchemaVersion, { artifactId: unique("nobody"), version: "1" });
    expect(nobody.resource).toMatchObject({ resourceType: "artifact", resourceName: unique("nobody") });
    const bad = { artifactId: "", formerVersion: "a b", nextVersion: "" };
    const fields = ["stored.artifact_id", "stored.former_version", "stored.next_version"];
    expect(await refusal(client, compareSchemas, { subject: { case: "stored", value: bad } })).toMatchObject({ code: 3, fields });
    expect(await refusal(client, getSchemaVersion, {})).toMatchObject({ code: 3, fields: ["artifact_id", "version"] });
  });
});
