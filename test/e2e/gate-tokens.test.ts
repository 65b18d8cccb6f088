/** The gate with tokens: whose word counts, and whose does not. */
import { expect, test } from "vitest";
import { ApprovalService, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { PolicyService } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { get, usePolicy } from "../support/approvals.ts";
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
});
