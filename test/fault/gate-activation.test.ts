/** The gate is turned on in a platform that lives: what is live stays, and is counted; what is under way is admitted by that, or asks. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { RegistrationOutcome, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { gateScene, isHeld, ownersDecide } from "../support/gate.ts";
import { startHealthServer, type HealthServer } from "../support/health-server.ts";
import { inEveryMode, requestFor } from "../support/world.ts";

const [live, underWay] = [100, 20];

inEveryMode("the gate is turned on", (world) => {
  let server: HealthServer;
  let modules: readonly FakeModule[];
  beforeAll(async () => {
    server = await startHealthServer();
    // Some are a step behind the others.
    modules = await Promise.all(
      Array.from({ length: underWay }, (_, index) => startFakeModule({ name: world().unique(`flight-${index}`), version: "1.0.0", delayMs: index * 20 })),
    );
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    for (const module of modules) await module[Symbol.asyncDispose]();
  });

  test(`while ${live} registrations are live and ${underWay} under way: none is live that was not admitted`, { timeout: 240_000 }, async () => {
    const { client, unique, muster, rows } = world();
    using people = gateScene(muster.address);
    const services = Array.from({ length: live }, (_, index) => requestFor(unique(`live-${index}`), server, { type: ServiceType.SERVICE }));
    for (let from = 0; from < live; from += 20) {
      for (const made of await Promise.all(services.slice(from, from + 20).map((service) => client.register(service)))) {
        expect(made.events.at(-1)?.outcome, made.errorDetail).toBe(RegistrationOutcome.ACTIVE);
      }
    }
    let admitted: Promise<number> | undefined;
    let begun = 0;
    const flights = await Promise.all(
      modules.map((module, index) =>
        client.register(requestFor(unique(`flight-${index}`), module), () => {
          // In the middle of them.
          if ((begun += 1) > 4 * underWay) admitted ??= people.turnOn(ownersDecide);
        }),
      ),
    );
    const active = flights.filter(({ events }) => events.at(-1)?.outcome === RegistrationOutcome.ACTIVE);
    const held = flights.filter(isHeld);
    expect(active.length + held.length, flights.map(({ errorDetail }) => errorDetail).join("; ")).toBe(underWay);
    // Whoever is live was before, and so is counted.
    expect(await admitted).toBe(live + active.length);
    for (const made of await Promise.all(services.map((service) => client.register(service)))) {
      expect(made.events.at(-1)?.outcome, made.errorDetail).toBe(RegistrationOutcome.UNCHANGED);
    }
    await people.turnOff();

    const names = (found: readonly Readonly<Record<string, unknown>>[]) => found.map(({ name }) => String(name));
    const registered = names(await rows("select name from registrations where state = 'ACTIVE'"));
    expect(registered).toHaveLength(live + active.length);
    const admissions = new Set((await rows("select subject_id from admissions")).map(({ subject_id: id }) => String(id)));
    expect(registered.filter((name) => !admissions.has(`${name}@1.0.0`))).toEqual([]);
  });
});
