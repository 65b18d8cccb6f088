/** A connector comes and goes: the steps of a module, a configuration schema under an artifact of its own. */
import { expect, test } from "vitest";
import { EventType, PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { refusal } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import {
  contentInApicurio,
  eventTypesInKafka,
  inEveryMode,
  moduleSteps,
  passingInConsul,
  requestFor,
  unregister,
  versionsInApicurio,
} from "../support/world.ts";

const { getConnectorSchema, getModuleSchema } = PlatformRegistrationService.method;
const schema = '{ "type": "object", "properties": { "bucket": { "type": "string" } } }';
const connector = { type: ServiceType.CONNECTOR };

inEveryMode("connectors", (world) => {
  test("a connector is called back, and its schema is what GetConnectorSchema returns", async () => {
    const { client, real, unique } = world();
    const name = unique("s3");
    await using module = await startFakeModule({ name, version: "2.1.0", schema });
    const { types, status, errorDetail, events } = await client.register(requestFor(name, module, { ...connector, version: "2.1.0" }));
    expect(types, errorDetail).toEqual(moduleSteps);
    expect(status.code).toBe(0);
    expect(module.calls.describe).toBe(1);
    expect(events.find(({ eventType }) => eventType === EventType.APICURIO_REGISTERED)?.eventData).toMatchObject({
      value: { values: { artifact_id: `${name}-connector-config`, version: "2.1.0", created: "true" } },
    });

    const found = await client.unary(getConnectorSchema, { connectorType: name });
    expect(found).toMatchObject({
      connectorType: name,
      schemaJson: schema,
      schemaVersion: "2.1.0",
      artifactId: `${name}-connector-config`,
      availableVersions: ["2.1.0"],
      metadata: { source: "record", synthesised: "false" },
    });
    expect(Number(found.updatedAt?.seconds)).toBeGreaterThan(1_700_000_000);
    const asModule = await refusal(client, getModuleSchema, { moduleName: name });
    expect(asModule, "a connector is no module").toMatchObject({ code: 5, reason: "SCHEMA_NOT_FOUND", metadata: { module: name } });

    const serviceId = `${name}-127.0.0.1-${module.port}`;
    if (real) {
      expect((await passingInConsul(real, name)).map(({ Meta }) => Meta["service-type"])).toEqual(["SERVICE_TYPE_CONNECTOR"]);
      expect(await contentInApicurio(real, `${name}-connector-config`, "2.1.0")).toBe(schema);
    }
    await unregister(client, name, module);
    expect(await refusal(client, getConnectorSchema, { connectorType: name })).toMatchObject({ code: 5, reason: "SCHEMA_NOT_FOUND" });
    if (real) {
      expect(await versionsInApicurio(real, `${name}-connector-config`)).toMatchObject([{ version: "2.1.0", state: "DISABLED" }]);
      const published = await eventually(async () => {
        const seen = await eventTypesInKafka(real, serviceId);
        return seen.length >= 2 ? seen : undefined;
      });
      expect(published).toEqual(["ServiceRegistered", "ServiceUnregistered"]);
    }
  });

  test("a connector without a schema gets a default one; a broken one fails; one without a version is refused", async () => {
    const { client, unique } = world();
    const name = unique("plain-connector");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    expect((await client.register(requestFor(name, module, connector))).types).toEqual(moduleSteps);
    const { metadata } = await client.unary(getConnectorSchema, { connectorType: name, version: "1.0.0" });
    expect(metadata["synthesised"]).toBe("true");
    await unregister(client, name, module);

    const broken = unique("broken-connector");
    await using bad = await startFakeModule({ name: broken, version: "1.0.0", schema: '{"type":12}' });
    expect((await client.register(requestFor(broken, bad, connector))).errorDetail).toMatch(/^SCHEMA_INVALID: /);

    const { status } = await client.register(requestFor(broken, bad, { ...connector, version: "" }));
    expect(status).toMatchObject({ code: 3, fields: ["version"] });
  });
});
