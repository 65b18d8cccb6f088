/** UpdateTags: from the call to the catalog, and what becomes of the tags when the instance registers again. */
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import {
  EventType,
  PlatformRegistrationService,
  RegistrationOutcome,
  ServiceType,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { eventTypesInKafka, inEveryMode, passingInConsul, requestFor, unregister, type World } from "../support/world.ts";

const update = (client: MusterClient, serviceId: string, tags: readonly string[]) =>
  client.unary(PlatformRegistrationService.method.updateTags, { serviceId, tags: [...tags] });

inEveryMode("UpdateTags", (world) => {
  /** What consumers see. */
  const seen = async (serviceId: string) => {
    const { tags, capabilities } = await world().client.unary(PlatformRegistrationService.method.getService, {
      lookupKey: { case: "serviceId", value: serviceId },
    });
    return [...tags, ...capabilities.map((capability) => `+${capability}`)];
  };
  const expectSeen = (serviceId: string, tags: readonly string[]) => expect.poll(() => seen(serviceId).catch(String)).toEqual(tags);

  async function registered(base: string, tags: readonly string[] = ["blue"]) {
    const { client, unique } = world();
    const name = unique(base);
    const module = await startFakeModule({ name, version: "1.0.0" });
    const request = requestFor(name, module, { tags: [...tags], capabilities: ["PARSER"] });
    expect((await client.register(request)).types.at(-1)).toBe("COMPLETED");
    return { name, module, request, serviceId: `${name}-127.0.0.1-${module.port}`, [Symbol.asyncDispose]: () => module[Symbol.asyncDispose]() };
  }

  test("replaces the tags, keeps the derived ones, and shows them in the catalog without a moment of failing", async () => {
    const { client, real } = world();
    await using it = await registered("replace");
    const { success, appliedTags, updatedAt, message } = await update(client, it.serviceId, ["green", "zone:b", "green"]);
    expect({ success, message }).toEqual({ success: true, message: "tags replaced" });
    expect(appliedTags).toEqual(["green", "zone:b", "capability:PARSER", "module"]);
    expect(updatedAt).toBeDefined();
    await expectSeen(it.serviceId, ["green", "zone:b", "+PARSER"]);
    if (real) {
      const [entry] = await passingInConsul(real, it.name);
      expect(entry?.Tags).toEqual(appliedTags);
      expect(await checkFlaps(real.consul, it.serviceId)).toEqual(["passing"]);
    }
    expect((await update(client, it.serviceId, [])).appliedTags).toEqual(["capability:PARSER", "module"]);
    if (real) {
      const types = await eventually(async () => {
        const seen = await eventTypesInKafka(real, it.serviceId);
        return seen.length >= 3 ? seen : undefined;
      });
      expect(types).toEqual(["ModuleRegistered", "TagsUpdated", "TagsUpdated"]);
    }
    await unregister(client, it.name, it.module);
  });

  test("what it set outlives a registration that asks for the old tags, and not one that asks for others", async () => {
    const { client, real } = world();
    await using it = await registered("again");
    await update(client, it.serviceId, ["green"]);
    const expectTags = async (tag: string) => {
      await expectSeen(it.serviceId, [tag, "+PARSER"]);
      if (real) expect((await passingInConsul(real, it.name))[0]?.Tags).toEqual([tag, "capability:PARSER", "module"]);
    };

    const same = await client.register(it.request);
    expect(outcomeOf(same.events)).toBe(RegistrationOutcome.UNCHANGED);
    await expectTags("green");

    const otherMetadata = await client.register({ ...it.request, metadata: { zone: "b" } });
    expect(outcomeOf(otherMetadata.events)).toBe(RegistrationOutcome.ACTIVE);
    await expectTags("green");
    expect(outcomeOf((await client.register({ ...it.request, metadata: { zone: "b" } })).events)).toBe(RegistrationOutcome.UNCHANGED);
    // The second replacement inherits from what the first one recorded.
    expect(outcomeOf((await client.register({ ...it.request, metadata: { zone: "c" } })).events)).toBe(RegistrationOutcome.ACTIVE);
    await expectTags("green");

    const otherTags = await client.register({ ...it.request, tags: ["red"] });
    expect(outcomeOf(otherTags.events)).toBe(RegistrationOutcome.ACTIVE);
    await expectTags("red");
    expect(outcomeOf((await client.register({ ...it.request, tags: ["red"] })).events)).toBe(RegistrationOutcome.UNCHANGED);

    await unregister(client, it.name, it.module);
    expect(outcomeOf((await client.register(it.request)).events)).toBe(RegistrationOutcome.ACTIVE);
    await expectTags("blue");
  });

  test("while the instance registers again is not lost, whichever commits first", async () => {
    const { client, real } = world();
    await using it = await registered("race");
    for (let round = 0; round < 5; round++) {
      const again = client.register({ ...it.request, metadata: { round: String(round) } });
      const updates: Promise<unknown>[] = [];
      await client.register({ ...it.request, metadata: { round: String(round) } }, ({ eventType }) => {
        if (eventType === EventType.CONSUL_REGISTERED || eventType === EventType.APICURIO_REGISTERED)
          updates.push(update(client, it.serviceId, [`round-${round}`]));
      });
      await again;
      await Promise.all(updates);
      const expected = [`round-${round}`, "capability:PARSER", "module"];
      await expectSeen(it.serviceId, [`round-${round}`, "+PARSER"]);
      if (real) await eventually(async () => JSON.stringify((await passingInConsul(real, it.name))[0]?.Tags) === JSON.stringify(expected) || undefined);
    }
  });

  test("with many at once and an Unregister leaves nothing behind", async () => {
    const { client, real } = world();
    await using it = await registered("gone");
    const calls = Array.from({ length: 20 }, (_, index) => update(client, it.serviceId, [`t${index}`]).catch((error: unknown) => error));
    await unregister(client, it.name, it.module);
    await Promise.all(calls);
    await expect.poll(() => seen(it.serviceId).catch(({ status: { reason } }) => reason as unknown)).toBe("REGISTRATION_NOT_FOUND");
    await expect(update(client, it.serviceId, ["late"])).rejects.toMatchObject({ status: { code: status.NOT_FOUND } });
    if (real) expect(await eventually(async () => ((await passingInConsul(real, it.name)).length === 0 ? true : undefined))).toBe(true);
  });

  test("refuses what is not registered, and names every bad field", async () => {
    const { client, unique } = world();
    const unknown = `${unique("nobody")}-127.0.0.1-1`;
    await expect(update(client, unknown, ["x"])).rejects.toMatchObject({
      status: { code: status.NOT_FOUND, reason: "REGISTRATION_NOT_FOUND", metadata: { service_id: unknown } },
    });
    for (const tags of [["ok", ""], ["a\u0000b"], ["x".repeat(257)], Array.from({ length: 65 }, (_, index) => `t${index}`)]) {
      await expect(update(client, "", tags)).rejects.toMatchObject({ status: { code: status.INVALID_ARGUMENT, fields: ["service_id", "tags"] } });
    }
    await using it = await registered("fields", []);
    for (const tag of ["capability:SINK", "capability:PARSER", "module"]) {
      await expect(update(client, it.serviceId, [tag])).rejects.toMatchObject({ status: { reason: "INVALID_FIELDS", fields: ["tags"] } });
    }
    const most = Array.from({ length: 64 }, (_, index) => `t${index}`);
    expect((await update(client, it.serviceId, most)).appliedTags).toEqual([...most, "capability:PARSER", "module"]);
  });

  test("a service has no derived tags but its capabilities", async () => {
    const { client, unique } = world();
    const name = unique("service");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    expect((await client.register(requestFor(name, module, { type: ServiceType.SERVICE, tags: ["a"] }))).types.at(-1)).toBe("COMPLETED");
    expect((await update(client, `${name}-127.0.0.1-${module.port}`, ["b"])).appliedTags).toEqual(["b"]);
    await expectSeen(`${name}-127.0.0.1-${module.port}`, ["b"]);
  });
});

function outcomeOf(
  events: World["client"] extends MusterClient ? Awaited<ReturnType<MusterClient["register"]>>["events"] : never,
): RegistrationOutcome | undefined {
  return events.at(-1)?.outcome;
}

/** The states that the checks of an entry have, looked at for a while. */
async function checkFlaps(consul: string, serviceId: string): Promise<readonly string[]> {
  const seen = new Set<string>();
  for (let look = 0; look < 50; look++) {
    const answer = await fetch(`${consul}/v1/agent/health/service/id/${encodeURIComponent(serviceId)}`);
    seen.add(((await answer.json()) as { AggregatedStatus: string }).AggregatedStatus);
  }
  return [...seen];
}
