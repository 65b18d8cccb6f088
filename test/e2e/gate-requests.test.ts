/** Requests that meet the gate, and what callers cannot do past it, in every mode. */
import { expect, test } from "vitest";
import {
  EventType,
  PlatformRegistrationService,
  RegistrationOutcome,
  ServiceType,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ApprovalService } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { refusal, type MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { heldBy, isHeld, ownersDecide, registerAndWait } from "../support/gate.ts";
import { gateSuite } from "../support/gate-suite.ts";
import { openApi } from "../support/open-api.ts";
import { inEveryMode, moduleSteps, requestFor, unregister } from "../support/world.ts";

const { createApproval, revise } = ApprovalService.method;
const schemaOf = (...required: readonly string[]) => JSON.stringify({ type: "object", properties: { a: { type: "string" } }, required });

inEveryMode("requests at the gate", (world) => {
  const gate = gateSuite(world);
  const { fresh, goesLive, liveModule } = gate;

  test("nobody opens or revises a request about a registration by himself, and the platform's request ids are its own", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const subject = { type: "registration", id: `${name}@1.0.0`, digest: "anything" };
    expect(await refusal(client, createApproval, { policyKey: "registration", subject, contextJson: '{"name": "auto"}' })).toMatchObject({
      reason: "SUBJECT_RESERVED",
    });
    const held = await client.register(requestFor(name, module));
    const approvalId = heldBy(held)["approval_id"] ?? "";
    expect(await refusal(client, revise, { approvalId, digest: "another" })).toMatchObject({ reason: "SUBJECT_RESERVED" });
    const own = await client.register(requestFor(name, module, { requestId: "approval:mine" }));
    expect(own.status).toMatchObject({ reason: "INVALID_FIELDS", fields: ["request_id"] });
    await unregister(client, name, module);
  });

  test("tags that the policy reads are part of what was approved: UpdateTags does not change them past it", async () => {
    const { client } = world();
    const name = fresh();
    await gate.scene.turnOn(ownersDecide.replace("route:", `route:\n  - {id: tagged, when: '"wild" in tags', then: reject, reason: "no wild ones"}`));
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await liveModule(name, module, { tags: ["blue"] });
    const serviceId = `${name}-127.0.0.1-${module.port}`;
    const { updateTags } = PlatformRegistrationService.method;
    expect(await refusal(client, updateTags, { serviceId, tags: ["wild"] })).toMatchObject({ reason: "TAGS_NEED_APPROVAL" });
    expect((await client.unary(updateTags, { serviceId, tags: ["blue"] })).success).toBe(true);
    await gate.scene.turnOn();
    const other = fresh();
    await using free = await startFakeModule({ name: other, version: "1.0.0" });
    await liveModule(other, free, { tags: ["blue"] });
    expect((await client.unary(updateTags, { serviceId: `${other}-127.0.0.1-${free.port}`, tags: ["wild"] })).success).toBe(true);
    for (const [each, at] of [
      [name, module],
      [other, free],
    ] as const)
      await unregister(client, each, at);
  });

  test("tags that were set before the gate was turned on are admitted with the rest", async () => {
    const { client } = world();
    await gate.scene.turnOff();
    const name = fresh();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await using other = await startFakeModule({ name, version: "1.0.0" });
    await client.register(requestFor(name, module, { tags: ["blue"] }));
    const serviceId = `${name}-127.0.0.1-${module.port}`;
    await client.unary(PlatformRegistrationService.method.updateTags, { serviceId, tags: ["green"] });
    await gate.scene.turnOn(ownersDecide.replace("route:", `route:\n  - {id: tagged, when: '"wild" in tags', then: reject}`));
    const again = await client.register(requestFor(name, module, { tags: ["blue"], metadata: { seen: "again" } }));
    expect(again.events.at(-1)?.outcome).toBe(RegistrationOutcome.ACTIVE);
    expect(isHeld(await client.register(requestFor(name, other, { tags: ["blue"] })))).toBe(true);
    for (const each of [module, other]) await unregister(client, name, each);
  });

  test("services, with a document or without, and connectors are held like modules", async () => {
    const { client } = world();
    for (const type of [ServiceType.SERVICE, ServiceType.CONNECTOR]) {
      const name = fresh("kind");
      await using module = await startFakeModule({ name, version: "1.0.0" });
      const held = await client.register(requestFor(name, module, { type }));
      expect(isHeld(held)).toBe(true);
      const { asked, ended } = registerAndWait(client, requestFor(name, module, { type }));
      await gate.scene.approve(await asked);
      expect((await ended).events.at(-1)?.outcome).toBe(RegistrationOutcome.ACTIVE);
      await unregister(client, name, module);
    }
    const name = fresh("document");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const documented = requestFor(name, module, { type: ServiceType.SERVICE, httpSchema: openApi });
    const held = await client.register(documented);
    expect(held.types.slice(-3)).toEqual(["SCHEMA_VALIDATED", "APPROVAL_REQUESTED", "COMPLETED"]);
    await unregister(client, name, module);
  });

  test("validate_only says what the policy would do", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const valuesOf = async (asked: MusterClient, request: ReturnType<typeof requestFor>) => {
      const { events } = await asked.register({ ...request, validateOnly: true });
      const data = events.find(({ eventType }) => eventType === EventType.VALIDATED)?.eventData;
      return data?.case === "metadata" ? data.value.values : {};
    };
    expect(await valuesOf(client, requestFor(name, module))).toMatchObject({
      policy: "registration",
      approval: "people",
      approval_reason: "people decide: owners: team",
    });
    expect(await valuesOf(client, requestFor(fresh("never"), module))).toMatchObject({ approval: "reject", approval_reason: "not on this platform" });
    expect(await valuesOf(client, requestFor(fresh("auto"), module))).toMatchObject({ approval: "approve" });
  });

  test("a request id whose attempt was held follows through to what came of it", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const request = requestFor(name, module, { requestId: crypto.randomUUID() });
    const held = await client.register(request);
    expect((await client.register(request)).events).toEqual(held.events);
    await gate.scene.approve(held);
    await goesLive(name);
    const { types, events } = await client.register(request);
    expect(types.slice(types.indexOf("APPROVED"))).toEqual(["APPROVED", ...moduleSteps]);
    expect(events.at(-1)?.outcome).toBe(RegistrationOutcome.ACTIVE);
    await unregister(client, name, module);
  });

  test("a schema that cannot be saved is refused before anybody is asked", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0", schema: schemaOf() });
    await using other = await startFakeModule({ name, version: "1.0.0", schema: schemaOf("a") });
    await liveModule(name, module);
    expect((await client.register(requestFor(name, other))).errorDetail).toMatch(/^SCHEMA_VERSION_CONFLICT/);
    await unregister(client, name, module);
  });
});
