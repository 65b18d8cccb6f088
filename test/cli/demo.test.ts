/** `muster demo` as a process: on a server of its own, and on a running one, which it leaves as it was. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { PolicyService, PolicyStatus } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { gateScene } from "../support/gate.ts";
import { eventually } from "../support/instances.ts";
import { runCli, startCli, type CliProcess } from "../support/muster-cli.ts";
import { inEveryMode, leftInConsul, type World } from "../support/world.ts";

/** The words of the command that it tells somebody to type, behind the name of the program. */
const typedIn = ({ out }: CliProcess) => / (approvals approve .*)$/m.exec(out())?.[1]?.split(" ");
const folderIn = (out: string) => /cat (\S*muster-demo-\S+)\/registration\.yaml/.exec(out)?.[1] ?? "nothing";
/** The demo's own in the last list of modules; others may be beside them. */
const listedLast = (out: string) =>
  [...out.slice(out.lastIndexOf("NAME ")).matchAll(/^(demo-[a-z]+)\S* +\S+ +(\S+) +healthy/gm)].map(([, name, version]) => `${name} ${version}`).toSorted();

test("on a server of its own: what registers, what fails and why, what waits and for whom; then it is gone", async () => {
  const { code, out, err } = await runCli(["demo"]);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/✓ demo-parser-127\.0\.0\.1-\d+ is registered, in /);
  expect(out).toMatch(/✗ FAILED .* HEALTH_NOT_SERVING: .*\n✗ failed after .*, and undone\n/);
  expect(out).toContain("\n2 live registrations are admitted as they are\n");
  expect(out).toMatch(/… demo-chunker-127\.0\.0\.1-\d+ waits for approval\n/);
  expect(out).toMatch(/1\.0\.0 → 2\.0\.0 {2}breaking: .*\n {2}✗ \/properties\/size\/type /);
  expect(out).toMatch(/✓ APPROVED .* approved by bob[^]*✓ demo-chunker-127\.0\.0\.1-\d+ is registered, in /);
  expect(out).toMatch(/\n3 instances\n/);
  expect(existsSync(folderIn(out))).toBe(false);
});

test("--wait ends because of what somebody types in another terminal", async () => {
  const demo = startCli(["demo", "--wait"]);
  const words = await eventually(async () => (demo.out().includes("--wait-for-approval") ? typedIn(demo) : undefined));
  expect(await runCli(words)).toMatchObject({ code: 0, out: expect.stringMatching(/^✓ \S+ {2}approved\n$/) });
  const { code, out } = await demo.result;
  expect(code).toBe(0);
  expect(out).toMatch(/You can type in another terminal:[^]*✓ APPROVED [^]* is registered, in [^]*\n3 instances\n/);
});

test("what cannot be shown is refused", async () => {
  const secret = "s3cret-token";
  expect(await runCli(["demo", "--server", "--token", secret])).toMatchObject({ code: 2, out: "", err: expect.stringContaining("--wait is missing") });
  expect(await runCli(["demo", "--server", "--address", "127.0.0.1:9"])).toMatchObject({ code: 7, out: "" });
});

inEveryMode("the demo on a running server", (world) => {
  test("has names of its own, and leaves nothing: no instance, no name, nothing that waits, no policy", async () => {
    const { code, out, err } = await runCli(["demo", "--server"], { MUSTER_ADDRESS: world().muster.address });
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/✓ APPROVED [^]*✓ demo-chunker-[0-9a-z]+-127\.0\.0\.1-\d+ is registered, in /);
    expect(listedLast(out)).toEqual(["demo-chunker 1.0.0", "demo-chunker 2.0.0", "demo-parser 1.0.0"]);
    await leftNothing(world());
  });

  test("--wait, and a rejection: the former version serves on; Ctrl-C at that point leaves nothing either", async () => {
    const address = ["--address", world().muster.address];
    const rejected = startCli(["demo", "--server", "--wait", ...address]);
    const words = await eventually(async () => (rejected.out().includes("--wait-for-approval") ? typedIn(rejected) : undefined));
    expect(words.filter((word) => word === "--address").length).toBe(1);
    expect(await runCli(["approvals", "reject", ...words.slice(2), "--reason", "no"])).toMatchObject({ code: 0 });
    const { code, out } = await rejected.result;
    expect(code).toBe(0);
    expect(out).toMatch(/✗ REJECTED [^]*So it is not live, and version 1\.0\.0 serves as before\./);
    expect(listedLast(out)).toEqual(["demo-chunker 1.0.0", "demo-parser 1.0.0"]);
    await leftNothing(world());

    const stopped = startCli(["demo", "--server", "--wait", ...address]);
    await eventually(async () => (stopped.out().includes("--wait-for-approval") ? true : undefined));
    stopped.signal("SIGINT");
    expect(await stopped.result).toMatchObject({ code: 130, err: expect.stringMatching(/Cleaning up\.\n$/) });
    await leftNothing(world());
  });

  test("does not touch a policy that is there", async () => {
    const { address } = world().muster;
    using scene = gateScene(address);
    await scene.turnOn();
    const before = await scene.admin.unary(PolicyService.method.listPolicies, { key: "registration" });
    const { code, out, err } = await runCli(["demo", "--server"], { MUSTER_ADDRESS: address });
    expect([code, out, err]).toEqual([6, "", expect.stringContaining("the policy registration is active on this server and stays as it is")]);
    expect(await scene.admin.unary(PolicyService.method.listPolicies, { key: "registration" })).toEqual(before);
    await scene.turnOff();
  });
});

async function leftNothing({ client, muster, real }: World): Promise<void> {
  const env = { MUSTER_ADDRESS: muster.address };
  const { out } = await runCli(["modules", "-o", "json"], env);
  expect(out).not.toContain("demo-");
  expect((await runCli(["names", "list", "-o", "json"], env)).out).not.toContain("demo-");
  expect((await client.unary(RegistrationService.method.listHeld, {})).instances).toEqual([]);
  const { policies } = await client.unary(PolicyService.method.listPolicies, { key: "registration" });
  expect(policies.map(({ status }) => status)).not.toContain(PolicyStatus.ACTIVE);
  if (real) expect(await leftInConsul(real, "demo-")).toEqual([]);
}
