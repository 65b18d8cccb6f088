/** An instance whose callers use another address than Muster and the catalog: it is checked and called back inside only. */
import { expect, test } from "vitest";
import { EventType, PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { inEveryMode, moduleSteps, passingInConsul, requestFor } from "../support/world.ts";

inEveryMode("an internal endpoint", (world) => {
  test.each([
    ["host and port", "127.0.0.2", true],
    ["host", "127.0.0.2", false],
    ["port", "127.0.0.1", true],
  ] as const)("with a %s of its own", async (what, host, hasPort) => {
    const { client, real, unique } = world();
    const name = unique(`inside-${what.replaceAll(" ", "-")}`);
    await using inside = await startFakeModule({ name, version: "1.0.0", host });
    // Whoever dials here gets NOT_SERVING.
    await using outside = await startFakeModule({ name, version: "9.9.9", status: "NOT_SERVING", ...(hasPort ? {} : { port: inside.port }) });
    const internal = { ...(host === "127.0.0.1" ? {} : { internalHost: host }), ...(hasPort ? { internalPort: inside.port } : {}) };
    const { types, events, errorDetail } = await client.register(requestFor(name, outside, {}, internal));
    expect(types, errorDetail).toEqual(moduleSteps);
    const configured = events.find(({ eventType }) => eventType === EventType.HEALTH_CHECK_CONFIGURED);
    expect(configured?.eventData).toMatchObject({ value: { values: { check_target: `${host}:${inside.port}` } } });
    expect(outside.calls).toEqual({ health: 0, describe: 0 });
    expect(inside.calls.describe).toBe(1);
    const find = () => client.unary(PlatformRegistrationService.method.getModule, { lookupKey: { case: "moduleName", value: name } });
    await expect.poll(() => find().catch(String)).toMatchObject({ host: "127.0.0.1", port: outside.port, isHealthy: true });
    if (real) expect(await passingInConsul(real, name)).toMatchObject([{ Address: "127.0.0.1", Port: outside.port }]);
  });
});
