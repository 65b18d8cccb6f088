/** Record and schema registry do not know the same versions, or the registry is away: what consumers are answered then. */
import { expect, test } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService, SchemaCompatibility } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { connect, refusal, type MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { realBacking, startMuster, type Environment } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { besideEveryRegistry } from "../support/schema-registries.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { requestFor } from "../support/world.ts";

const { getModuleSchema, getModuleSchemaVersions } = PlatformRegistrationService.method;
const ours = '{"type":"object"}';
const theirs = '{ "type": "object", "required": ["a"] }';

async function withMuster<T>(env: Environment, work: (client: MusterClient) => Promise<T>): Promise<T> {
  await using muster = await startMuster(env);
  using client = connect(muster.address);
  return await work(client);
}

besideEveryRegistry("schemas in record and registry", ({ env, withSchemas }) => {
  const soon = () => AbortSignal.timeout(120_000);
  const document = { kind: "JSON", content: theirs } as const;

  test("what only the registry has comes from there, after what is recorded", async () => {
    const name = `elsewhere-${crypto.randomUUID().slice(0, 8)}`;
    const artifactId = `${name}-config`;
    await withSchemas(async (schemas) => {
      await schemas.put({ ...document, artifactId, version: "7.0.0" }, "another-muster", soon());
      await schemas.put({ ...document, artifactId, version: "8.0.0" }, "another-muster", soon());
    });
    await withMuster(env(), async (client) => {
      const before = await client.unary(getModuleSchema, { moduleName: name });
      expect(before).toMatchObject({ schemaVersion: "8.0.0", schemaJson: theirs, metadata: { source: "registry" }, availableVersions: ["8.0.0", "7.0.0"] });
      expect(before.updatedAt, "nobody knows when").toBeUndefined();

      await using module = await startFakeModule({ name, version: "1.0.0", schema: ours });
      expect((await client.register(requestFor(name, module))).types.at(-1)).toBe("COMPLETED");
      const after = await client.unary(getModuleSchema, { moduleName: name });
      expect(after).toMatchObject({ schemaVersion: "1.0.0", metadata: { source: "record" }, availableVersions: ["1.0.0", "8.0.0", "7.0.0"] });
      expect((await client.unary(getModuleSchema, { moduleName: name, version: "7.0.0" })).schemaJson).toBe(theirs);
      const { versions, latestVersion } = await client.unary(getModuleSchemaVersions, { moduleName: name });
      expect(latestVersion).toBe("1.0.0");
      expect(versions.map(({ version, metadata }) => `${version} ${metadata["source"]}`)).toEqual(["1.0.0 record", "8.0.0 registry", "7.0.0 registry"]);

      const value = { artifactId, formerVersion: "1.0.0", nextVersion: "8.0.0" };
      const { comparison } = await client.unary(RegistrationService.method.compareSchemas, { subject: { case: "stored", value } });
      expect(comparison?.compatibility, "one from each").toBe(SchemaCompatibility.BREAKING);
      const unrecorded = await refusal(client, RegistrationService.method.getSchemaVersion, { artifactId, version: "8.0.0" });
      expect(unrecorded).toMatchObject({ code: 5, reason: "SCHEMA_NOT_FOUND" });
    });
  });

  test("what the registry has lost comes from the record", async () => {
    const name = `lost-${crypto.randomUUID().slice(0, 8)}`;
    await using module = await startFakeModule({ name, version: "1.0.0", schema: ours });
    await withMuster(env(), (client) => client.register(requestFor(name, module)));
    expect(await withSchemas((schemas) => schemas.disable(`${name}-config`, "1.0.0", soon()))).toBe(true);
    await withMuster(env(), async (client) => {
      for (const version of [undefined, "1.0.0"]) {
        const found = await client.unary(getModuleSchema, { moduleName: name, ...(version ? { version } : {}) });
        expect(found).toMatchObject({ schemaVersion: "1.0.0", schemaJson: ours, metadata: { source: "record" }, availableVersions: ["1.0.0"] });
      }
    });
  });
});

describeReal("schemas while the registry is away", (servers) => {
  test("the record answers and says what may be missing; only what it lacks is UNAVAILABLE", async () => {
    const name = `away-${crypto.randomUUID().slice(0, 8)}`;
    await using backing = await realBacking(servers);
    await using proxy = await startTcpProxy({ target: Number(new URL(servers.apicurio).port) });
    const through = servers.apicurio.replace(/:\d+/, `:${proxy.port}`);
    await using module = await startFakeModule({ name, version: "1.0.0", schema: ours });
    await withMuster({ ...backing.env, MUSTER_SCHEMAS: `apicurio+${through}` }, async (client) => {
      expect((await client.register(requestFor(name, module))).types.at(-1)).toBe("COMPLETED");
      await proxy.cut();
      const found = await client.unary(getModuleSchema, { moduleName: name });
      expect(found).toMatchObject({ schemaJson: ours, metadata: { source: "record", registry: "unavailable" } });
      const missing = await refusal(client, getModuleSchema, { moduleName: name, version: "2.0.0" });
      expect(missing).toMatchObject({ code: 14, reason: "DEPENDENCY_UNAVAILABLE", metadata: { dependency: "schema registry" } });
      expect(await refusal(client, getModuleSchemaVersions, { moduleName: `${name}-other` })).toMatchObject({ code: 14 });
      await proxy.restore();
      proxy.freeze();
      const begun = performance.now();
      expect((await client.unary(getModuleSchema, { moduleName: name })).metadata).toMatchObject({ registry: "unavailable" });
      expect(performance.now() - begun, "no longer than a caller waits").toBeLessThan(30_000);
      await proxy.restore();
      expect(await refusal(client, getModuleSchema, { moduleName: name, version: "2.0.0" })).toMatchObject({ code: 5, reason: "SCHEMA_NOT_FOUND" });
    });
  });
});

describeReal("a schema registry with rules of its own", (servers) => {
  test.each([
    ["COMPATIBILITY", "BACKWARD", '{"properties":{"a":{"type":"integer"}}}', /RuleViolationException: .*TYPE_CHANGED at \/properties\/a/],
    ["COMPATIBILITY", "FULL_TRANSITIVE", '{"properties":{"a":{"type":"string"}},"required":["a"]}', /RuleViolationException: .*REQUIRED.* at \/required/],
  ])("%s %s refuses in its own words, with the places", async (ruleType, config, schema, words) => {
    await using backing = await realBacking(servers);
    await withMuster(backing.env, async (client) => {
      const name = `ruled-${crypto.randomUUID().slice(0, 8)}`;
      await using first = await startFakeModule({ name, version: "1.0.0", schema: '{"properties":{"a":{"type":"string"}}}' });
      expect((await client.register(requestFor(name, first))).types.at(-1)).toBe("COMPLETED");
      const rules = `${servers.apicurio}/groups/ai.pipestream.schemas/artifacts/${name}-config/rules`;
      const made = await fetch(rules, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ ruleType, config }) });
      expect(made.status).toBe(204);
      await using second = await startFakeModule({ name, version: "2.0.0", schema });
      const { errorDetail } = await client.register(requestFor(name, second, { version: "2.0.0" }));
      expect(errorDetail).toMatch(/^DEPENDENCY_REFUSED: /);
      expect(errorDetail).toMatch(words);
    });
  });
});
