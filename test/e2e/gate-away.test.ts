/** The server that an instance waits at stops, or cannot read who its people are, in every mode. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { PlatformRegistrationService, RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ApprovalService, Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { gateScene, heldBy, isHeld, registerAndWait } from "../support/gate.ts";
import { startMuster } from "../support/muster.ts";
import { inEveryMode, requestFor, unregister } from "../support/world.ts";

const { listModules } = PlatformRegistrationService.method;
const { listApprovals } = ApprovalService.method;

inEveryMode("the gate, when the server stops", (world) => {
  test("a stream that waits ends UNAVAILABLE and says how to go on; the same request at the next one goes on", async () => {
    const { env, unique, client } = world();
    // The world's own process leaves the store to the others.
    world().muster.signal("SIGTERM");
    await world().muster.ended;
    client[Symbol.dispose]();
    const name = unique("stops");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const first = await startMuster(env);
    using people = gateScene(first.address);
    await people.turnOn();
    using one = connect(first.address);
    const { asked, ended } = registerAndWait(one, requestFor(name, module));
    const { approval_id: approvalId = "none" } = heldBy(await asked);
    first.signal("SIGTERM");
    const { status: end } = await ended;
    expect(end).toMatchObject({ code: status.UNAVAILABLE, reason: "SHUTTING_DOWN", metadata: { approval_id: approvalId } });
    expect(end.message).toContain("send the same request again");
    expect(await first.ended).toBe(0);

    await using second = await startMuster(env);
    using peopleOfSecond = gateScene(second.address);
    using two = connect(second.address);
    const again = registerAndWait(two, requestFor(name, module));
    const held = await again.asked;
    expect(heldBy(held)["approval_id"]).toBe(approvalId);
    await peopleOfSecond.approve(held);
    expect((await again.ended).events.at(-1)?.outcome).toBe(RegistrationOutcome.ACTIVE);
    expect(module.calls.describe).toBe(2);
    await unregister(two, name, module);
  });
});

inEveryMode("the gate, when the directory is away", (world) => {
  test("nothing is rejected, nothing is admitted: it waits", async () => {
    const { env, unique, client } = world();
    world().muster.signal("SIGTERM");
    await world().muster.ended;
    client[Symbol.dispose]();
    const folder = await mkdtemp(join(tmpdir(), "muster-away-"));
    await using muster = await startMuster({ ...env, MUSTER_DIRECTORY: `file:${join(folder, "people.yaml")}` });
    using people = gateScene(muster.address);
    await people.turnOn();
    using one = connect(muster.address);
    const name = unique("away");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const held = await one.register(requestFor(name, module));
    expect(isHeld(held), held.errorDetail).toBe(true);
    const { approvals } = await people.admin.unary(listApprovals, { subjectType: "registration", subjectId: `${name}@1.0.0` });
    expect(approvals.map(({ decision }) => decision)).toEqual([Decision.PENDING]);
    expect((await one.unary(listModules, {})).modules.filter(({ moduleName }) => moduleName === name)).toEqual([]);
    await unregister(one, name, module);
    await rm(folder, { recursive: true });
  });
});
