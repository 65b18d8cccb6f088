/** What consumers are told of configuration schemas, from the record and from the schema registry. */
import { expect, test } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
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
    const newestFirst = ["0.9.0-backport", "1.1.0", "1.0.0"];

    const latest = await client.unary(getModuleSchema, { moduleName: name });
    expect(latest).toMatchObject({
      moduleName: name,
      artifactId: `${name}-config`,
      schemaVersion: "0.9.0-backport",
      schemaJson: schemaOf("0.9.0-backport"),
      availableVersions: newestFirst,
      metadata: { source: "record", synthesised: "false", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect((await client.unary(getModuleSchema, { moduleName: name, version: "1.0.0" })).schemaJson).toBe(schemaOf("1.0.0"));

    const listed = await client.unary(getModuleSchemaVersions, { moduleName: name });
    expect(listed).toMatchObject({ moduleName: name, artifactId: `${name}-config`, latestVersion: "0.9.0-backport" });
    expect(listed.versions.map(({ version }) => version)).toEqual(newestFirst);
    const times = listed.versions.map(({ createdAt }) => Number(createdAt?.seconds) * 1_000 + Number(createdAt?.nanos) / 1e6);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
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
