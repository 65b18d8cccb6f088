/** An operator's view of a failure: grpcurl, which knows nothing but what reflection tells it. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EventService } from "../../gen/muster/event/v1/event_service_pb.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { moduleSteps, requestFor } from "../support/world.ts";

describeReal("grpcurl", ({ bin }) => {
  test("prints the reason and the bad fields of a refused call", async () => {
    await using backing = await embeddedBacking();
    await using muster = await startMuster(backing.env);
    const unregister = "ai.pipestream.platform.registration.v1.PlatformRegistrationService/Unregister";
    const { stderr, status } = spawnSync(join(bin, "grpcurl"), ["-plaintext", "-d", '{"name": "two words", "port": 9}', muster.address, unregister], {
      encoding: "utf8",
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain('"reason": "INVALID_FIELDS"');
    expect(stderr).toContain('"field": "name"');
    expect(stderr).toContain('"field": "host"');
    expect(stderr).not.toContain("not recognized");
  });

  test("prints the events of the log with their payloads", async () => {
    await using backing = await embeddedBacking();
    await using muster = await startMuster(backing.env);
    await using module = await startFakeModule({ name: "printed", version: "1.0.0" });
    using client = connect(muster.address);
    expect((await client.register(requestFor("printed", module))).types).toEqual(moduleSteps);
    await eventually(async () => (await client.unary(EventService.method.listEvents, {})).lastPosition === 1n || undefined);
    const { stdout, status } = spawnSync(join(bin, "grpcurl"), ["-plaintext", muster.address, "muster.event.v1.EventService/ListEvents"], { encoding: "utf8" });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      events: [{ position: "1", type: "ModuleRegistered", payload: { "@type": expect.stringMatching(/ModuleRegistered$/) as string, moduleName: "printed" } }],
    });
  });
});
