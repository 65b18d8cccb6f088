/** Schemas as modules and services bring them: old drafts, byte order marks, odd patterns, patches of an old line. */
import { expect, test } from "vitest";
import { EventType, PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { startDocumentServer } from "../support/document-server.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { openApi } from "../support/open-api.ts";
import { contentInApicurio, inEveryMode, requestFor, unregister, type World } from "../support/world.ts";

const { getModuleSchema, getModuleSchemaVersions } = PlatformRegistrationService.method;
const { getSchemaVersion } = RegistrationService.method;
const mark = "\u{feff}";

/** Registers a module with a schema, and gives what SCHEMA_VALIDATED says. It serves until it is disposed of. */
async function registered({ client }: World, name: string, version: string, schema: string) {
  await using stack = new AsyncDisposableStack();
  const module = stack.use(await startFakeModule({ name, version, schema }));
  stack.defer(async () => void (await unregister(client, name, module)));
  const { events, types, errorDetail } = await client.register(requestFor(name, module, { version }));
  expect(types.at(-1), errorDetail).toBe("COMPLETED");
  const validated = events.find(({ eventType }) => eventType === EventType.SCHEMA_VALIDATED);
  const facts = validated?.eventData.case === "metadata" ? validated.eventData.value.values : {};
  const running = stack.move();
  return { message: validated?.message, facts, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

inEveryMode("kinds of schemas", (world) => {
  test("a patch of an old line follows on that line, and is not the latest", async () => {
    const { client, unique } = world();
    const name = unique("patched");
    const maximum = (value: number) => JSON.stringify({ properties: { a: { maximum: value } } });
    await using _one = await registered(world(), name, "1.0.0", maximum(10));
    await using two = await registered(world(), name, "2.0.0", maximum(5));
    await using patch = await registered(world(), name, "1.0.1", maximum(11));
    expect(two.facts).toMatchObject({ compatibility: "BREAKING", compared_with: "1.0.0" });
    expect(patch.facts).toMatchObject({ compatibility: "COMPATIBLE", compared_with: "1.0.0" });
    expect((await client.unary(getModuleSchema, { moduleName: name })).schemaVersion).toBe("2.0.0");
    const { versions, latestVersion } = await client.unary(getModuleSchemaVersions, { moduleName: name });
    expect([latestVersion, ...versions.map(({ version }) => version)]).toEqual(["2.0.0", "2.0.0", "1.0.1", "1.0.0"]);
  });

  test("draft-04 is compared, and stored as it was given", async () => {
    const { client, real, unique } = world();
    const name = unique("old-draft");
    const old = (minimum: string) =>
      `{ "$schema": "http://json-schema.org/draft-04/schema#",\n  "id": "a", "minimum": ${minimum}, "exclusiveMinimum": true }\n`;
    await using _one = await registered(world(), name, "1.0.0", old("9007199254740992"));
    await using two = await registered(world(), name, "1.1.0", old("9007199254740993"));
    expect(two.facts).toMatchObject({ compatibility: "BREAKING" });
    expect((await client.unary(getModuleSchema, { moduleName: name })).schemaJson).toBe(old("9007199254740993"));
    if (real) expect(await contentInApicurio(real, `${name}-config`, "1.1.0")).toBe(old("9007199254740993"));
  });

  test("what is legal and odd is a warning", async () => {
    const schema = JSON.stringify({ properties: { a: { pattern: "(?P<y>\\d+)" }, b: { enum: [] } } });
    await using odd = await registered(world(), world().unique("odd"), "1.0.0", schema);
    expect(odd.message).toBe("the schema is valid, with warnings");
    expect(odd.facts["warnings"]).toBe(
      "/properties/a/pattern: no ECMAScript engine takes this regular expression, so that validators fail or ignore it; " +
        "/properties/b/enum: an enum without members accepts no value",
    );
    await using plain = await registered(world(), world().unique("plain"), "1.0.0", "{}");
    expect(plain.facts).not.toHaveProperty("warnings");
  });

  test("a byte order mark is dropped", async () => {
    const { client, real, unique } = world();
    const name = unique("marked");
    const schema = '{"type":"object"}';
    await using marked = await registered(world(), name, "1.0.0", mark + schema);
    expect(marked.facts["bytes"]).toBe(String(schema.length));
    expect((await client.unary(getSchemaVersion, { artifactId: `${name}-config`, version: "1.0.0" })).schema?.content).toBe(schema);
    if (real) expect(await contentInApicurio(real, `${name}-config`, "1.0.0")).toBe(schema);
    // The same without it is the same content.
    await using _again = await registered(world(), name, "1.0.0", schema);
  });

  test("a byte order mark is dropped from OpenAPI documents, given or fetched", async () => {
    const { client, unique } = world();
    const name = unique("marked-api");
    await using documents = await startDocumentServer({ body: mark + openApi });
    const { host, port } = documents;
    const fetched = { httpEndpoints: [{ scheme: "http", host, port }], httpSchemaPath: "/openapi" };
    for (const [version, given] of [
      ["1.0.0", { httpSchema: mark + openApi }],
      ["2.0.0", fetched],
    ] as const) {
      await using service = await startFakeModule({ name, version, describe: "none" });
      const { types, errorDetail } = await client.register(requestFor(name, service, { type: ServiceType.SERVICE, version, ...given }));
      expect(types.at(-1), errorDetail).toBe("COMPLETED");
      const { schema } = await client.unary(getSchemaVersion, { artifactId: `${name}-http-config`, version });
      expect(schema?.content).toBe(openApi);
      await unregister(client, name, service);
    }
  });
});
