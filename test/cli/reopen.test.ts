/** Watches that outlive the server they began with. */
import { expect, test } from "vitest";
import { ask, decide, person, usePolicy } from "../support/approvals.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { startCli } from "../support/muster-cli.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { ownPort } from "../support/own-port.ts";
import { requestFor, unregister } from "../support/world.ts";

test.each(["SIGTERM", "SIGKILL"] as const)("watch goes on after a restart by %s, and tells only what has changed", async (signal) => {
  await using backing = await embeddedBacking();
  await using module = await startFakeModule({ name: "lasting", version: "1.0.0" });
  await using first = await startMuster({ ...backing.env, MUSTER_LISTEN: `127.0.0.1:${await ownPort()}` });
  const { address } = first;
  using client = connect(address);
  await client.register(requestFor("lasting", module));
  const watching = startCli(["watch", "modules"], { MUSTER_ADDRESS: address });
  const line = `+ lasting-${module.host}-${module.port}  1.0.0  healthy\n`;
  await eventually(async () => watching.out().includes(line) || undefined);
  first.signal(signal);
  await first.ended;

  await using second = await startMuster({ ...backing.env, MUSTER_LISTEN: address });
  await using other = await startFakeModule({ name: "later", version: "1.0.0" });
  using again = connect(second.address);
  await again.register(requestFor("later", other));
  await eventually(async () => watching.out().includes(`+ later-${other.host}-${other.port}  1.0.0  healthy\n`) || undefined);
  watching.signal("SIGINT");
  const { code, out, err } = await watching.result;
  expect(code).toBe(0);
  // Once, or once more after it was gone: a server that starts on a slow machine does not wait for long to see who answers.
  const gone = `- lasting-${module.host}-${module.port} `;
  expect(out.split(line).length - out.split(gone).length).toBe(1);
  expect(err).toMatch(/^muster: the connection was lost \(.*\); retrying\n/);
});

test("an attempt is followed over a restart of the server, without a gap and without a repeat", async () => {
  await using backing = await embeddedBacking();
  await using module = await startFakeModule({ name: "slow", version: "1.0.0", status: "NOT_SERVING" });
  await using first = await startMuster({ ...backing.env, MUSTER_LISTEN: `127.0.0.1:${await ownPort()}` });
  const { address } = first;
  const registering = startCli(["register", "slow", `${module.host}:${module.port}`, "-t", "module", "--version", "1.0.0"], { MUSTER_ADDRESS: address });
  await eventually(async () => registering.out().includes("HEALTH_CHECK_CONFIGURED") || undefined);
  const { attemptId } = JSON.parse(registering.out().split("\n")[0] ?? "") as { attemptId: string };
  const following = startCli(["attempts", "show", attemptId, "--watch", "-o", "json"], { MUSTER_ADDRESS: address });
  await eventually(async () => following.out().includes("HEALTH_CHECK_CONFIGURED") || undefined);
  first.signal("SIGKILL");
  await first.ended;
  expect((await registering.result).code).toBe(7);

  await using _second = await startMuster({ ...backing.env, MUSTER_LISTEN: address });
  const { code, out } = await following.result;
  const events = out
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text) as { eventType: string; sequence: string });
  expect([code, events.at(-1)?.eventType]).toEqual([3, "EVENT_TYPE_FAILED"]);
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => String(i + 1)));
});

test("with --timeout a watch ends well when its time is over, and an attempt that has not ended does not", async () => {
  await using backing = await embeddedBacking();
  await using muster = await startMuster(backing.env);
  await using module = await startFakeModule({ name: "slow", version: "1.0.0", status: "NOT_SERVING" });
  const env = { MUSTER_ADDRESS: muster.address };
  expect(await startCli(["watch", "--timeout", "5s", "-o", "json"], env).result).toMatchObject({
    code: 0,
    err: "",
    out: expect.stringContaining("totalCount"),
  });
  const registering = startCli(["register", "slow", `${module.host}:${module.port}`, "-t", "module", "--version", "1.0.0"], env);
  await eventually(async () => registering.out().includes("HEALTH_CHECK_CONFIGURED") || undefined);
  const { attemptId } = JSON.parse(registering.out().split("\n")[0] ?? "") as { attemptId: string };
  expect(await startCli(["attempts", "show", attemptId, "--watch", "--timeout", "1s"], env).result).toMatchObject({ code: 7 });
  registering.signal("SIGINT");
  await registering.result;
});

test("the log of events is followed over a restart of the server, without a gap and without a repeat", async () => {
  await using backing = await embeddedBacking();
  await using module = await startFakeModule({ name: "coming", version: "1.0.0" });
  await using first = await startMuster({ ...backing.env, MUSTER_LISTEN: `127.0.0.1:${await ownPort()}` });
  const { address } = first;
  using client = connect(address);
  const env = { MUSTER_ADDRESS: address };
  const tail = startCli(["events", "tail", "--after", "0"], env);
  const wanted = startCli(["events", "tail", "-o", "json", "--after", "0", "--type", "ModuleUnregistered", "--subject", "instance"], env);
  await client.register(requestFor("coming", module));
  await unregister(client, "coming", module);
  await eventually(async () => (tail.out().includes("ModuleUnregistered") && wanted.out() !== "") || undefined);
  first.signal("SIGKILL");
  await first.ended;

  await using second = await startMuster({ ...backing.env, MUSTER_LISTEN: address });
  using again = connect(second.address);
  await again.register(requestFor("coming", module));
  await unregister(again, "coming", module);
  await eventually(async () => (/^ +4 /m.test(tail.out()) && wanted.out().includes('"position":"4"')) || undefined);
  tail.signal("SIGINT");
  wanted.signal("SIGINT");
  const [lines, items] = await Promise.all([tail.result, wanted.result]);
  expect([lines.code, items.code]).toEqual([0, 0]);
  const subject = `instance/coming-${module.host}-${module.port}`;
  expect(lines.out.split("\n").map((line) => line.replace(/\d{4}-\S+Z/, "TIME"))).toEqual([
    ...[1, 2, 3, 4].map((position) => `       ${position}  TIME  ${position % 2 ? "ModuleRegistered   " : "ModuleUnregistered "}  ${subject}`),
    "",
  ]);
  const found = items.out
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text) as { position: string; payload: { moduleName: string } });
  expect(found.map(({ position, payload }) => [position, payload.moduleName])).toEqual([
    ["2", "coming"],
    ["4", "coming"],
  ]);

  const list = async (...args: readonly string[]) => startCli(["events", "list", ...args], env).result;
  expect(await list("--type", "ModuleRegistered", "--limit", "1")).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^POSITION .*\n1 .*\nThe log continues to 4: --after 1\n$/),
  });
  const everything = JSON.parse((await list("--subject", subject, "--limit", "0", "-o", "json")).out) as { events: unknown[]; lastPosition: string };
  expect([everything.events.length, everything.lastPosition]).toEqual([4, "4"]);
  expect(await list("--after", "9")).toMatchObject({ code: 2, err: expect.stringContaining("POSITION_OUT_OF_RANGE") });
  expect(await list("--subject", "Big")).toMatchObject({ code: 2 });
});

test("a request for approval is followed over a restart of the server, without a gap and without a repeat", async () => {
  await using backing = await embeddedBacking();
  await using first = await startMuster({ ...backing.env, MUSTER_LISTEN: `127.0.0.1:${await ownPort()}` });
  const { address } = first;
  using amy = person(address, "amy");
  await usePolicy(amy, "{key: p, subject: document, ttl: 1d, stages: [{id: s, requirements: [{id: r, who: {groups: [g]}, need: 1}]}]}");
  const opened = await ask(amy, { policyKey: "p", subject: { type: "document", id: "d", digest: "1" } });
  const env = { MUSTER_ADDRESS: address };
  const watching = startCli(["approvals", "watch", opened.id, "--until-decided", "-o", "json"], env);
  const rest = startCli(["approvals", "watch", opened.id, "--after", "1"], env);
  await eventually(async () => (watching.out().includes("stage_started") && rest.out() !== "") || undefined);
  first.signal("SIGKILL");
  await first.ended;

  await using second = await startMuster({ ...backing.env, MUSTER_LISTEN: address });
  using bob = person(second.address, "bob", { groups: "g" });
  await decide(bob, opened);
  const { code, out } = await watching.result;
  const events = out
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text) as { type: string; sequence: string });
  expect([code, events.at(-1)?.type]).toEqual([0, "request_approved"]);
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => String(i + 1)));
  // Without --until-decided it goes on after the decision, until Ctrl-C.
  await eventually(async () => rest.out().includes("approved by bob") || undefined);
  rest.signal("SIGINT");
  const ended = await rest.result;
  expect([ended.code, ended.out.split("\n").map((line) => line.slice(0, 4).trim())]).toEqual([0, ["2", "3", "4", "5", ""]]);
});
