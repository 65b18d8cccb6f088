/** Registrations that wait for an approval, on the command line, in every mode. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ApprovalService, CloseHow } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { PolicyService } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { gateScene, ownersDecide, type GateScene } from "../support/gate.ts";
import { eventually } from "../support/instances.ts";
import { runCli, startCli, type CliProcess, type CliResult } from "../support/muster-cli.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { ownPort } from "../support/own-port.ts";
import { inEveryMode } from "../support/world.ts";

const words = (name: string, { host, port }: FakeModule) => ["register", name, `${host}:${port}`, "-t", "module", "--version", "1.0.0"];
const idIn = (text: string) => /waits for approval ([0-9a-f-]{36})/.exec(text)?.[1] ?? "";
const bob = (address: string, args: readonly string[]) => runCli(args, { MUSTER_ADDRESS: address, MUSTER_PRINCIPAL: "bob", MUSTER_GROUPS: "owners" });
const hasAsked = (process: CliProcess) => eventually(async () => idIn(process.out()) || undefined);

inEveryMode("registrations that wait, on the command line", (world) => {
  let scene: GateScene;
  let module: FakeModule;
  let name = "";
  let count = 0;
  beforeAll(async () => {
    scene = gateScene(world().muster.address);
    await scene.turnOn();
  });
  afterAll(async () => {
    await scene.turnOff();
    scene[Symbol.dispose]();
  });
  beforeEach(async () => {
    name = world().unique(`waiter-${++count}`);
    module = await startFakeModule({ name, version: "1.0.0" });
  });
  afterEach(() => module[Symbol.asyncDispose]());

  const amy = () => ({ MUSTER_ADDRESS: world().muster.address, MUSTER_PRINCIPAL: "amy" });
  const muster = (args: readonly string[]): Promise<CliResult> => runCli(args, amy());
  const waiting = (...more: string[]) => startCli([...words(name, module), "--wait-for-approval", "-o", "table", ...more], amy());

  test("without waiting the end says that it waits, and how to look at it", async () => {
    const { code, out } = await muster([...words(name, module), "-o", "table"]);
    const id = idIn(out);
    expect(code).toBe(8);
    expect(out).toMatch(new RegExp(`\n… ${name}-127\\.0\\.0\\.1-${module.port} waits for approval\n {2}\\S.* approvals show ${id}\n$`));
    const json = await muster(words(name, module));
    expect([json.code, JSON.parse(json.out.trimEnd().split("\n").at(-1) ?? "")]).toMatchObject([8, { outcome: "REGISTRATION_OUTCOME_PENDING_APPROVAL" }]);

    const held = await muster(["modules", name.toUpperCase(), "--held"]);
    expect(held.out).toMatch(new RegExp(`^${name} +127\\.0\\.0\\.1:${module.port} +1\\.0\\.0 +${id} +\\d+s +7d +amy +owners: team \\(group owners\\)$`, "m"));
    expect(held.out).toMatch(/\n1 instance waits for approval\n$/);
    const { instances } = JSON.parse((await muster(["modules", name, "--held", "-o", "json"])).out) as { instances: { approvalId: string }[] };
    expect(instances.map(({ approvalId }) => approvalId)).toEqual([id]);
    expect((await muster(["services", name, "--held"])).out).toBe("Nothing waits for an approval.\n");
    expect((await muster(["modules"])).out).toMatch(/^\d+ instances? waits? for approval: .* modules --held$/m);
    expect((await muster(["services"])).out).not.toContain("for approval");
    expect((await muster(["modules", "-o", "json"])).out).not.toContain("held");
    expect(await muster(["modules", name])).toMatchObject({
      code: 5,
      err: expect.stringMatching(new RegExp(`^1 instance waits for approval: .* modules ${name} --held\nerror: REGISTRATION_NOT_FOUND`)),
    });
    expect((await muster(["modules", "--held", "--watch"])).code).toBe(2);
    expect((await muster(["approvals", "show", id])).out).toMatch(
      new RegExp(`^Goes live +module ${name} 1\\.0\\.0, the first version of this name\nInstances +${name}-127\\.0\\.0\\.1-${module.port}$`, "m"),
    );
    await muster(["unregister", name, `127.0.0.1:${module.port}`]);
    expect((await muster(["modules", name, "--held"])).out).toBe("Nothing waits for an approval.\n");
  });

  test("waiting shows who votes and who decided, and ends with the registration", async () => {
    const process = waiting();
    const id = await hasAsked(process);
    expect(await bob(world().muster.address, ["approvals", "approve", id, "--reason", "fine"])).toMatchObject({ code: 0 });
    const { code, out, err } = await process.result;
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/… APPROVAL_REQUESTED .* waits for approval \S+ team \(group owners\) can decide {2}stage owners, expires in 7d\n/);
    expect(out).toMatch(/… APPROVAL_REQUESTED .* {2}bob approved stage owners: fine\n/);
    expect(out).toMatch(/✓ APPROVED .* {2}approved by bob.*\nattempt \S{36}\n {2}✓ STARTED /);
    expect(out).toMatch(new RegExp(`✓ COMPLETED [^\n]*\n✓ ${name}-127\\.0\\.0\\.1-${module.port} is registered, in `));
    await muster(["unregister", name, `127.0.0.1:${module.port}`]);
  });

  test("a rejection ends it with 9, an end without a decision with 10, and neither is said twice", async () => {
    const process = waiting();
    const id = await hasAsked(process);
    await bob(world().muster.address, ["approvals", "reject", id, "--reason", "who is this?"]);
    const rejected = await process.result;
    expect(rejected).toMatchObject({ code: 9, err: "" });
    expect(rejected.out.split("APPROVAL_REJECTED: ").length).toBe(2);
    expect(rejected.out).toMatch(/✗ REJECTED .*who is this\?\n {2}✗ FAILED .*not approved\n✗ not approved, after .*: nothing of it is live\n$/);
    // What was refused is refused by the attempt itself.
    expect(await muster([...words(name, module), "-o", "table"])).toMatchObject({ code: 9, out: expect.stringContaining("APPROVAL_REJECTED: ") });

    const other = world().unique("waiter-cancelled");
    await using second = await startFakeModule({ name: other, version: "1.0.0" });
    const cancelled = startCli([...words(other, second), "--wait-for-approval", "-o", "table"], amy());
    await scene.admin.unary(ApprovalService.method.close, { approvalId: await hasAsked(cancelled), how: CloseHow.CANCEL });
    expect((await cancelled.result).code).toBe(10);
  });

  test("Ctrl-C and --timeout leave it waiting, and say so", async () => {
    const process = waiting();
    const id = await hasAsked(process);
    process.signal("SIGINT");
    const { code, err } = await process.result;
    expect(code).toBe(130);
    expect(err).toMatch(
      new RegExp(`^It still waits, and goes live by itself when it is approved:\n {2}.* approvals show ${id}\nTo take it back:\n {2}.* unregister ${name} 127`),
    );
    const over = await waiting("--timeout", "3s").result;
    expect(over).toMatchObject({ code: 8, err: expect.stringContaining("It still waits") });
    expect(idIn(over.out)).toBe(id);
    await bob(world().muster.address, ["approvals", "approve", id]);
    await eventually(async () => (await muster(["modules", name])).code === 0 || undefined);
    await muster(["unregister", name, `127.0.0.1:${module.port}`]);
  });

  test("what was let in is taken out by --revoke --evict, by an admin", async () => {
    const process = waiting();
    const id = await hasAsked(process);
    await bob(world().muster.address, ["approvals", "approve", id]);
    expect((await process.result).code).toBe(0);
    expect(await muster(["approvals", "close", id, "--cancel", "--evict"])).toMatchObject({ code: 2, err: expect.stringContaining("--evict") });
    expect((await muster(["approvals", "close", id, "--revoke", "--evict", "--reason", "a leak"])).out).toMatch(/^Grant +revoked/m);
    await eventually(async () => (await muster(["modules", name])).code === 5 || undefined);
    expect(await muster([...words(name, module), "-o", "table"])).toMatchObject({ code: 9, out: expect.stringContaining("revoked") });
  });
});

test("the gate is turned on beside what is live, and off with or without what waits", async () => {
  await using backing = await embeddedBacking();
  await using server = await startMuster(backing.env);
  await using one = await startFakeModule({ name: "one", version: "1.0.0" });
  await using two = await startFakeModule({ name: "two", version: "1.0.0" });
  const muster = (args: readonly string[]) => runCli(args, { MUSTER_ADDRESS: server.address });
  using scene = gateScene(server.address);
  await muster(words("one", one));
  for (const release of [false, true]) {
    const { policy } = await scene.admin.unary(PolicyService.method.putPolicy, { document: ownersDecide });
    const version = String(policy?.version);
    if (!release) expect(await muster(["policy", "activate", "registration", version, "--no-admit-live"])).toMatchObject({ code: 6, out: "" });
    const activated = await muster(["policy", "activate", "registration", version]);
    // The second time it was admitted before.
    expect(activated.out).toBe(`registration version ${version} (ACTIVE)\n${release ? "" : "1 live registration is admitted as it is\n"}`);
    expect((await muster(words("two", two))).code).toBe(8);
    const archived = await muster(["policy", "archive", "registration", ...(release ? ["--release"] : [])]);
    const ended = `1 request for approval ${release ? "released: what waits goes live" : "cancelled"}`;
    expect(archived.out).toBe(`registration version ${version} (ARCHIVED)\n${ended}\n`);
    if (!release) expect((await muster(["modules", "two"])).code).toBe(5);
  }
  await eventually(async () => (await muster(["modules", "two"])).code === 0 || undefined);
});

test("a wait goes on after a restart of the server, and shows nothing twice", async () => {
  await using backing = await embeddedBacking();
  await using module = await startFakeModule({ name: "patient", version: "1.0.0" });
  await using first = await startMuster({ ...backing.env, MUSTER_LISTEN: `127.0.0.1:${await ownPort()}` });
  const { address } = first;
  {
    using scene = gateScene(address);
    await scene.turnOn();
  }
  const process = startCli([...words("patient", module), "--wait-for-approval"], { MUSTER_ADDRESS: address, MUSTER_PRINCIPAL: "amy" });
  const id = await hasAsked(process);
  first.signal("SIGTERM");
  await first.ended;
  await using _second = await startMuster({ ...backing.env, MUSTER_LISTEN: address });
  // The wait is taken up: what it waits for is said again.
  await eventually(async () => process.out().split("EVENT_TYPE_APPROVAL_REQUESTED").length > 2 || undefined);
  await bob(address, ["approvals", "approve", id]);
  const { code, out, err } = await process.result;
  expect([code, err]).toEqual([0, expect.stringMatching(/^muster: the connection was lost \(.*\); retrying\n/)]);
  const events = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { eventType: string; attemptId: string });
  const starts = events.filter(({ eventType }) => eventType === "EVENT_TYPE_STARTED");
  expect(new Set(starts.map(({ attemptId }) => attemptId)).size).toBe(2);
  expect(starts.length).toBe(2);
  expect(events.filter(({ eventType }) => eventType === "EVENT_TYPE_COMPLETED").length).toBe(1);
});
