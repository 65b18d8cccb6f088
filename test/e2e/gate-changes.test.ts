/** An instance, or the policy, thinks better of it while something is held or after it was approved; in every mode. */
import { expect, test } from "vitest";
import { PlatformRegistrationService, RegistrationOutcome, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ApprovalService, CloseHow, Decision, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { decide, get } from "../support/approvals.ts";
import type { Registration } from "../support/client.ts";
import { refusal } from "../support/client.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { heldBy, isHeld, ownersDecide, registerAndWait } from "../support/gate.ts";
import { gateSuite } from "../support/gate-suite.ts";
import { eventually } from "../support/instances.ts";
import { inEveryMode, moduleSteps, requestFor, unregister } from "../support/world.ts";

const { updateTags, listServices, listModules } = PlatformRegistrationService.method;
const withRule = (rule: string) => ownersDecide.replace("route:", `route:\n  - ${rule}`);
/** Those of a name of which something was live before have to ask others. */
const otherwiseLater = ownersDecide
  .replace("stages:", "stages:\n  - id: later\n    when: '!first'\n    requirements: [{id: team, who: {groups: [owners]}, need: 1}]")
  .replace("- id: owners", "- id: owners\n    when: first");

inEveryMode("the gate, when somebody thinks better of it", (world) => {
  const gate = gateSuite(world);
  const { fresh, goesLive, liveModule } = gate;
  const idOf = (held: Pick<Registration, "events">) => heldBy(held)["approval_id"] ?? "";
  const decisionOf = async (held: Pick<Registration, "events">) => (await get(gate.scene.admin, idOf(held))).decision;
  const outcomeOf = ({ events }: Registration) => events.at(-1)?.outcome;
  const revoke = (live: Registration) =>
    gate.scene.admin.unary(ApprovalService.method.close, { approvalId: idOf(live), how: CloseHow.REVOKE, reason: "leaks" });
  const liveOf = async (name: string) =>
    (await world().client.unary(listModules, {})).modules.flatMap(({ moduleName, port }) => (moduleName.toLowerCase() === name.toLowerCase() ? port : []));
  const portsOf = async (name: string) =>
    (await world().client.unary(listServices, {})).services.flatMap(({ serviceName, port }) => (serviceName === name ? port : [])).toSorted();
  const heldOf = async (name: string) =>
    (await world().client.unary(RegistrationService.method.listHeld, { name })).instances.map(({ serviceId }) => serviceId);

  test("a service that is back at what it has does not ask for the other version any more", async () => {
    const name = fresh();
    const { client } = world();
    await using service = await startFakeModule({ name, version: "1.0.0", describe: "none" });
    const request = (version: string) => requestFor(name, service, { type: ServiceType.SERVICE, version });
    await gate.scene.live(client, request("1.0.0"));
    const held = await client.register(request("2.0.0"));
    expect(isHeld(held), held.errorDetail).toBe(true);
    expect(outcomeOf(await client.register(request("1.0.0")))).toBe(RegistrationOutcome.UNCHANGED);
    expect(await heldOf(name)).toEqual([]);
    expect(await decisionOf(held)).toBe(Decision.CANCELLED);
    await expect(gate.scene.approve(held)).rejects.toThrow(/does not count/);
    const { services } = await client.unary(listServices, {});
    expect(services.filter(({ serviceName }) => serviceName === name).map(({ version }) => version)).toEqual(["1.0.0"]);
    // By a request id, too.
    const other = await client.register(request("3.0.0"));
    expect(outcomeOf(await client.register({ ...request("1.0.0"), requestId: name }))).toBe(RegistrationOutcome.UNCHANGED);
    expect(await decisionOf(other)).toBe(Decision.CANCELLED);
    await unregister(client, name, service);
  });

  test("one that goes live with what is admitted ends its request for another version", async () => {
    const name = fresh();
    const { client } = world();
    await using service = await startFakeModule({ name, version: "1.0.0", describe: "none" });
    const request = (version: string, metadata = {}) => requestFor(name, service, { type: ServiceType.SERVICE, version, metadata });
    await gate.scene.live(client, request("1.0.0"));
    const held = await client.register(request("2.0.0"));
    expect(outcomeOf(await client.register(request("1.0.0", { zone: "b" })))).toBe(RegistrationOutcome.ACTIVE);
    expect(await heldOf(name)).toEqual([]);
    expect(await decisionOf(held)).toBe(Decision.CANCELLED);
    await unregister(client, name, service);
  });

  test("another spelling of what waits asks for the same: of the name at another address; of the host without a trial each time", async () => {
    const name = fresh();
    const other = name.toUpperCase();
    const { client } = world();
    await using one = await startFakeModule({ name, version: "1.0.0" });
    await using two = await startFakeModule({ name: other, version: "1.0.0" });
    const at = (advertisedHost: string) => client.register(requestFor(name, one, {}, { advertisedHost }));
    const held = await at("localhost");
    expect(isHeld(held), held.errorDetail).toBe(true);
    expect(isHeld(await at("LOCALHOST"))).toBe(true);
    const { describe } = one.calls;
    expect((await at("LOCALHOST")).types).toEqual(["STARTED", "VALIDATED", "APPROVAL_REQUESTED", "COMPLETED"]);
    expect(one.calls.describe).toBe(describe);
    const sibling = await client.register(requestFor(other, two));
    expect(isHeld(sibling), sibling.errorDetail).toBe(true);
    expect(idOf(sibling)).toBe(idOf(held));
    await gate.scene.approve(held);
    for (const [as, module] of [
      [name, { host: "localhost", port: one.port }],
      [other, two],
    ] as const) {
      await eventually(async () => (await liveOf(name)).includes(module.port) || undefined);
      await unregister(client, as, module);
    }
  });

  test("unregistering what waits says that it is unregistered, and once more that it was", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    expect(isHeld(await client.register(requestFor(name, module)))).toBe(true);
    expect((await unregister(client, name, module)).message).toBe("unregistered");
    expect((await unregister(client, name, module)).message).toBe("was already unregistered");
  });

  test("tags that nobody who decides reads are free, whatever the policy would make of the instance by now", async () => {
    const name = fresh();
    const { client } = world();
    await gate.scene.turnOn(withRule('{id: old, when: downgrade, then: reject, reason: "older"}'));
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await using newer = await startFakeModule({ name, version: "1.1.0" });
    await liveModule(name, module);
    const next = await liveModule(name, newer, { version: "1.1.0" });
    const serviceId = (port: number) => `${name}-127.0.0.1-${port}`;
    expect((await client.unary(updateTags, { serviceId: serviceId(module.port), tags: ["blue"] })).success).toBe(true);
    await revoke(next);
    expect((await client.unary(updateTags, { serviceId: serviceId(newer.port), tags: ["blue"] })).success).toBe(true);
    await gate.scene.turnOn(withRule(`{id: tagged, when: '"wild" in tags', then: reject}`));
    expect(await refusal(client, updateTags, { serviceId: serviceId(newer.port), tags: ["wild"] })).toMatchObject({ reason: "TAGS_NEED_APPROVAL" });
    for (const each of [module, newer]) await unregister(client, name, each);
  });

  test("a request id that was held is answered with what is true now: replaced, gone, live in another way, ended", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const first = requestFor(name, module, { requestId: `${name}-1`, capabilities: ["a"] });
    const second = requestFor(name, module, { requestId: `${name}-2` });
    expect(isHeld(await client.register(first))).toBe(true);
    const held = await client.register(second);
    expect(isHeld(held)).toBe(true);
    expect((await client.register(first)).errorDetail).toMatch(/^SUPERSEDED: .*another content/);
    expect((await client.register(second)).events).toEqual(held.events);
    await gate.scene.reject(held, "not now");
    expect((await client.register(second)).errorDetail).toMatch(/^APPROVAL_REJECTED: rejected by bob: not now/);
    // Live by the decision of another version of the policy.
    await gate.scene.turnOn(withRule(`{id: other, when: 'name == "other"', then: approve}`));
    await liveModule(name, module);
    expect(outcomeOf(await client.register(second))).toBe(RegistrationOutcome.ACTIVE);
    await unregister(client, name, module);

    const third = requestFor(name, module, { requestId: `${name}-3`, capabilities: ["c"] });
    const asked = await client.register(third);
    await gate.scene.approve(asked);
    await goesLive(name);
    await eventually(async () => outcomeOf(await client.register(third)) === RegistrationOutcome.ACTIVE || undefined);
    await unregister(client, name, module);
    expect((await client.register(third)).status).toMatchObject({ reason: "REGISTRATION_ENDED" });
  });

  test("an instance that registers again is told who wants changes, and which, until its content is another one", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const held = await client.register(requestFor(name, module));
    await decide(gate.scene.bob, await get(gate.scene.bob, idOf(held)), { verdict: Verdict.REQUEST_CHANGES, comment: "name the owner" });
    const told = await client.register(requestFor(name, module));
    expect(heldBy(told)).toMatchObject({ changes_requested: "bob: name the owner" });
    expect(told.events.at(-2)?.message).toMatch(/changes are requested by bob: name the owner$/);
    expect(heldBy(await client.register(requestFor(name, module, { capabilities: ["owned"] })))["changes_requested"]).toBeUndefined();
    await unregister(client, name, module);
  });

  test("the gate is opened with release while a stream waits: it sees that, and its instance go live", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { asked, ended } = registerAndWait(client, requestFor(name, module));
    await asked;
    expect(await gate.scene.turnOff(true)).toBe(1);
    const { types, events, errorDetail } = await ended;
    expect(types.slice(types.indexOf("APPROVED")), errorDetail).toEqual(["APPROVED", ...moduleSteps]);
    expect(events.find(({ sequence, message }) => sequence === 0n && message.includes("released"))).toBeDefined();
    await unregister(client, name, module);
  });

  test("approved, and by then the policy wants others to decide: the stream goes on waiting", async () => {
    const name = fresh();
    const { client } = world();
    await gate.scene.turnOn(otherwiseLater);
    await using module = await startFakeModule({ name, version: "2.0.0" });
    await using older = await startFakeModule({ name, version: "1.0.0" });
    const { asked, ended } = registerAndWait(client, requestFor(name, module, { version: "2.0.0" }));
    const first = await asked;
    await liveModule(name, older);
    await gate.scene.approve(first);
    const next = await eventually(async () => {
      const { instances } = await client.unary(RegistrationService.method.listHeld, { name });
      return instances.find(({ approvalId, approved }) => approvalId !== idOf(first) && !approved);
    });
    await gate.scene.approveId(next.approvalId);
    const { types, events } = await ended;
    expect(types.filter((type) => type === "APPROVED" || type === "COMPLETED")).toEqual(["APPROVED", "APPROVED", "COMPLETED"]);
    expect(events.at(-1)?.outcome).toBe(RegistrationOutcome.ACTIVE);
    for (const each of [module, older]) await unregister(client, name, each);
  });

  test("what was revoked and goes on serving is not admitted again by another version of the policy", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await using other = await startFakeModule({ name, version: "1.0.0" });
    await revoke(await liveModule(name, module));
    expect(await gate.scene.turnOn(withRule(`{id: other, when: 'name == "other"', then: approve}`))).toBe(0);
    const held = await client.register(requestFor(name, other));
    expect(isHeld(held), held.errorDetail).toBe(true);
    for (const each of [module, other]) await unregister(client, name, each);
  });

  test("what was revoked is refused, and not admitted because it serves, however many other contents were decided and revoked since", async () => {
    const name = fresh("auto");
    const { client } = world();
    await gate.scene.turnOn(ownersDecide.replace('name.startsWith("auto")', 'name.startsWith("auto") && size(tags) < 100'));
    await using module = await startFakeModule({ name, version: "1.0.0", describe: "none" });
    await using serving = await startFakeModule({ name, version: "1.0.0", describe: "none" });
    const request = (tag: string, at = module) => requestFor(name, at, { type: ServiceType.SERVICE, tags: [tag] });
    const revokeLast = async () => {
      const { approvals } = await gate.scene.admin.unary(ApprovalService.method.listApprovals, { subjectType: "registration", subjectId: `${name}@1.0.0` });
      await gate.scene.admin.unary(ApprovalService.method.close, { approvalId: approvals[0]?.id ?? "", how: CloseHow.REVOKE });
    };
    expect(outcomeOf(await client.register(request("first", serving)))).toBe(RegistrationOutcome.ACTIVE);
    await revokeLast();
    for (let i = 0; i < 21; i++) {
      expect(outcomeOf(await client.register(request(`t${i}`)))).toBe(RegistrationOutcome.ACTIVE);
      await revokeLast();
    }
    expect((await client.register(request("first"))).errorDetail).toMatch(/^APPROVAL_REJECTED: root revoked/);
    expect(await gate.scene.turnOn(ownersDecide.replace('name.startsWith("auto")', "size(tags) > 100"))).toBe(0);
    expect(isHeld(await client.register(request("first")))).toBe(true);
    for (const each of [module, serving]) await unregister(client, name, each);
  });

  test("revoked is one content: another one of the version goes on serving, and is admitted as it was; evicted are its own instances", async () => {
    const name = fresh();
    const { client } = world();
    await gate.scene.turnOff();
    const modules = await Promise.all([1, 2, 3].map(() => startFakeModule({ name, version: "1.0.0", describe: "none" })));
    const [one, two, three] = modules as [FakeModule, FakeModule, FakeModule];
    const request = (at: FakeModule, tag: string) => requestFor(name, at, { type: ServiceType.SERVICE, tags: [tag] });
    // Two contents were live before.
    for (const [at, tag] of [
      [one, "a"],
      [two, "b"],
    ] as const)
      await client.register(request(at, tag));
    await gate.scene.turnOn(withRule("{id: tagged, when: '\"wild\" in tags', then: reject}"));
    const held = await client.register(request(three, "c"));
    await gate.scene.approve(held);
    await eventually(async () => (await portsOf(name)).length === 3 || undefined);
    await gate.scene.turnOn(withRule('{id: tagged, when: \'"wild" in tags || "other" in tags\', then: reject}'));
    await gate.scene.admin.unary(ApprovalService.method.close, { approvalId: idOf(held), how: CloseHow.REVOKE, evict: true });
    await eventually(async () => (await portsOf(name)).length === 2 || undefined);
    expect(await portsOf(name)).toEqual([one.port, two.port].toSorted());
    await unregister(client, name, one);
    expect(outcomeOf(await client.register(request(one, "a")))).toBe(RegistrationOutcome.ACTIVE);
    expect(isHeld(await client.register(request(three, "c")))).toBe(true);
    for (const each of modules) {
      await unregister(client, name, each);
      await each[Symbol.asyncDispose]();
    }
  });
});
