import { expect, test } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { moduleSteps, requestFor } from "../support/world.ts";

test("after a restart the embedded catalog shows an instance that answers immediately, and one that does not once it does", async () => {
  await using backing = await embeddedBacking();
  await using well = await startFakeModule({ name: "well", version: "1.0.0" });
  await using late = await startFakeModule({ name: "late", version: "1.0.0" });
  {
    await using first = await startMuster(backing.env);
    using client = connect(first.address);
    expect((await client.register(requestFor("well", well))).types).toEqual(moduleSteps);
    expect((await client.register(requestFor("late", late))).types).toEqual(moduleSteps);
  }
  late.setStatus("NOT_SERVING");
  await using second = await startMuster(backing.env);
  using client = connect(second.address);
  const shown = async () => {
    const { modules } = await client.unary(PlatformRegistrationService.method.listModules, {});
    return modules.map(({ moduleName, isHealthy }) => `${moduleName} ${isHealthy}`);
  };
  // As a rule at once; a start on a slow machine does not wait for long to see who answers.
  await eventually(async () => (await shown()).length > 0 || undefined);
  const seen = new Set<string>();
  for (let look = 0; look < 100; look++) seen.add((await shown()).join(", "));
  expect([...seen]).toEqual(["well true"]);
  late.setStatus("SERVING");
  await eventually(async () => (await shown()).includes("late true") || undefined);
});
