/** The gate with tokens: whose word counts, and whose does not. */
import { expect, test } from "vitest";
import { EventType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ApprovalService, Decision, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { PolicyService } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { NameService } from "../../gen/muster/registration/v1/name_service_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { decide, get, usePolicy } from "../support/approvals.ts";
import { connect, refusal } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { heldBy, isHeld, ownersDecide } from "../support/gate.ts";
import { principals } from "../support/principals.ts";
import { embeddedBacking, realBacking, startMuster } from "../support/muster.ts";
import { inEveryMode, requestFor, unregister } from "../support/world.ts";

const { vote, getApproval, close } = ApprovalService.method;

inEveryMode("the gate with tokens", (world) => {
  test("a caller of another tenant is held by the same policy, does not see the request, and cannot switch it off", async () => {
    const held = { root: "admin", ci: "registrar", foreign: "admin", owner: "approver", viewer: "viewer" } as const;
    await using callers = await principals(held, { foreign: { tenant: "elsewhere", groups: ["owners"] }, owner: { groups: ["owners"] } });
    const { real } = world();
    await using backing = await (real ? realBacking(real) : embeddedBacking());
    await using muster = await startMuster({ ...backing.env, ...callers.env });
    const as = (name: keyof typeof held) => connect(muster.address, { token: callers.token[name] });
    using root = as("root");
    using ci = as("ci");
    using foreign = as("foreign");
    using owner = as("owner");
    await usePolicy(root, ownersDecide);
    await usePolicy(foreign, ownersDecide.replace('name.startsWith("auto")', 'name != ""'));

    const name = world().unique("tokens");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const asked = await foreign.register(requestFor(name, module));
    expect(isHeld(asked)).toBe(true);
    const id = heldBy(asked)["approval_id"] ?? "";
    expect(await refusal(foreign, getApproval, { id })).toMatchObject({ reason: "APPROVAL_NOT_FOUND" });
    expect(await refusal(foreign, close, { approvalId: id, how: 1 })).toMatchObject({ reason: "APPROVAL_NOT_FOUND" });
    await foreign.unary(PolicyService.method.archivePolicy, { key: "registration" });
    expect(isHeld(await foreign.register(requestFor(name, module)))).toBe(true);

    const other = world().unique("tokens-other");
    await using theirs = await startFakeModule({ name: other, version: "1.0.0" });
    expect(isHeld(await ci.register(requestFor(other, theirs)))).toBe(true);
    const { subject } = await get(owner, id);
    const items = [{ approvalId: id, digest: subject?.digest ?? "", verdict: Verdict.APPROVE }];
    expect((await foreign.unary(vote, { items })).results).toMatchObject([{ counted: false }]);
    expect((await owner.unary(vote, { items })).results).toMatchObject([{ counted: true }]);
    await expect.poll(async () => (await foreign.register(requestFor(name, module))).types.at(-2)).toBe("CONSUL_HEALTHY");
    const { attempts } = await root.unary(RegistrationService.method.listAttempts, { name });
    // Who asked, not who decided.
    expect(attempts.map(({ actor }) => actor)).toEqual(attempts.map(() => "foreign"));
    for (const [client, each, at] of [
      [foreign, name, module],
      [ci, other, theirs],
    ] as const)
      await unregister(client, each, at);
    await root.unary(PolicyService.method.archivePolicy, { key: "registration" });
  });

  test("evicting is for admins: whoever asked may revoke, and not evict", async () => {
    await using callers = await principals({ root: "admin", ci: "registrar", owner: "approver" } as const, { owner: { groups: ["owners"] } });
    const { real } = world();
    await using backing = await (real ? realBacking(real) : embeddedBacking());
    await using muster = await startMuster({ ...backing.env, ...callers.env });
    const as = (name: "root" | "ci" | "owner") => connect(muster.address, { token: callers.token[name] });
    using root = as("root");
    using ci = as("ci");
    using owner = as("owner");
    await usePolicy(root, ownersDecide);
    const name = world().unique("evict");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const approvalId = heldBy(await ci.register(requestFor(name, module)))["approval_id"] ?? "";
    const { subject } = await get(owner, approvalId);
    await owner.unary(vote, { items: [{ approvalId, digest: subject?.digest ?? "", verdict: Verdict.APPROVE }] });
    expect(await refusal(ci, close, { approvalId, how: 3, evict: true })).toMatchObject({ reason: "NOT_OWNER" });
    expect((await ci.unary(close, { approvalId, how: 3 })).approval).toMatchObject({ id: approvalId });
    await unregister(ci, name, module);
    await root.unary(PolicyService.method.archivePolicy, { key: "registration" });
  });

  test("what asks under a name that is given away does not go live under it any more", async () => {
    await using callers = await principals({ root: "admin", ann: "registrar", bea: "registrar", owner: "approver" } as const, {
      owner: { groups: ["owners"] },
    });
    const { real } = world();
    await using backing = await (real ? realBacking(real) : embeddedBacking());
    await using muster = await startMuster({ ...backing.env, ...callers.env });
    const as = (name: "root" | "ann" | "bea" | "owner") => connect(muster.address, { token: callers.token[name] });
    using root = as("root");
    using ann = as("ann");
    using bea = as("bea");
    using owner = as("owner");
    await usePolicy(root, ownersDecide);
    const name = world().unique("given-away");
    await using first = await startFakeModule({ name, version: "1.0.0" });
    await using second = await startFakeModule({ name, version: "2.0.0" });
    const approved = heldBy(await ann.register(requestFor(name, first)))["approval_id"] ?? "";
    expect((await decide(owner, await get(owner, approved))).counted).toBe(true);
    await expect.poll(async () => (await ann.register(requestFor(name, first))).types.at(-2)).toBe("CONSUL_HEALTHY");
    const request = requestFor(name, second, { version: "2.0.0" });
    const waiting = heldBy(await ann.register(request))["approval_id"] ?? "";
    await using third = await startFakeModule({ name, version: "3.0.0", delayMs: 1_000 });
    const healthy = Promise.withResolvers<void>();
    const underWay = ann.register(requestFor(name, third, { version: "3.0.0" }), ({ eventType }) => {
      if (eventType === EventType.CONSUL_HEALTHY) healthy.resolve();
    });
    await healthy.promise;
    await root.unary(NameService.method.transferName, { name, owner: "tokens|bea" });
    expect(await decide(owner, await get(owner, waiting))).toMatchObject({ counted: false });
    expect((await underWay).errorDetail).toMatch(/^(SUPERSEDED|CANCELLED): /);
    expect((await root.unary(RegistrationService.method.listHeld, { name })).instances).toEqual([]);
    expect((await ann.register(request)).status).toMatchObject({ reason: "NAME_OWNED_BY_ANOTHER" });
    // What is registered stays, and the new owner's waits like anybody's.
    expect((await bea.register(requestFor(name, first))).types.at(-2)).toBe("CONSUL_HEALTHY");
    expect(isHeld(await bea.register(request))).toBe(true);

    // Nobody owns it yet: an admin goes live under what is reserved for another one.
    const other = world().unique("taken");
    await using theirs = await startFakeModule({ name: other, version: "1.0.0" });
    await using taken = await startFakeModule({ name: other, version: "2.0.0" });
    const asked = heldBy(await ann.register(requestFor(other, theirs)))["approval_id"] ?? "";
    expect((await bea.register(requestFor(other, taken, { version: "2.0.0" }))).status).toMatchObject({
      reason: "ATTEMPT_IN_FLIGHT",
      message: expect.stringContaining("waits for an approval") as unknown,
    });
    const byAdmin = heldBy(await root.register(requestFor(other, taken, { version: "2.0.0" })))["approval_id"] ?? "";
    expect((await decide(owner, await get(owner, byAdmin))).counted).toBe(true);
    await expect.poll(async () => (await get(owner, asked)).decision).toBe(Decision.CANCELLED);
    for (const [client, each, at] of [
      [bea, name, first],
      [bea, name, second],
      [root, other, taken],
    ] as const)
      await unregister(client, each, at);
    await root.unary(PolicyService.method.archivePolicy, { key: "registration" });
  });
});
