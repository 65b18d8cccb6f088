/** Who calls, in the whole program: names in open mode, a token file that changes while the server runs, the directory. */
import { createHash } from "node:crypto";
import { mkdtemp, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { CallError, connect, type MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type MusterProcess } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { moduleSteps, requestFor, unregister } from "../support/world.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-people-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const { listAttempts, getAttempt } = RegistrationService.method;
const listUrl = (muster: MusterProcess) => `http://${muster.address}/${RegistrationService.typeName}/ListAttempts`;

/** OK, or the status it failed with. */
function outcome(client: MusterClient): Promise<number> {
  return client.unary(listAttempts, {}).then(
    () => status.OK,
    (error: unknown) => (error instanceof CallError ? error.status.code : status.UNKNOWN),
  );
}

/** How often a line of this event was logged. */
function logged({ logged: lines }: MusterProcess, event: string): number {
  return lines().split(`"event":"${event}"`).length - 1;
}

async function metric({ address }: MusterProcess, name: string): Promise<number> {
  const page = await (await fetch(`http://${address}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(page)?.[1]);
}

/** Resolves when this holds. */
function until(holds: () => boolean | Promise<boolean>): Promise<true> {
  return eventually(async () => ((await holds()) ? true : undefined));
}

test("in open mode each caller is who it says it is, and may do everything all the same", async () => {
  await using backing = await embeddedBacking();
  await using muster = await startMuster(backing.env);
  await using module = await startFakeModule({ name: "amys", version: "1.0.0" });
  using amy = connect(muster.address, { metadata: { "muster-principal": "amy", "muster-groups": "payments" } });
  using anonymous = connect(muster.address);
  using nobody = connect(muster.address, { metadata: { "muster-principal": "tokens|amy" } });
  const actorOf = async (attemptId: string) => (await anonymous.unary(getAttempt, { attemptId })).attempt?.actor;

  const hers = await amy.register(requestFor("amys", module));
  expect([hers.types, await actorOf(hers.attemptId)]).toEqual([moduleSteps, "amy"]);
  const again = await anonymous.register(requestFor("amys", module, { tags: ["other"] }));
  expect([again.types, await actorOf(again.attemptId)]).toEqual([moduleSteps, "anonymous"]);
  expect((await unregister(amy, "amys", module)).success).toBe(true);

  const { status: refused } = await nobody.register(requestFor("amys", module));
  expect(refused).toMatchObject({ code: status.INVALID_ARGUMENT, reason: "INVALID_FIELDS", fields: ["muster-principal"] });
});

describe("a token file", () => {
  const tokenOf = (principal: string) => `token-of-${principal}`;
  const entry = (principal: string, more: object = {}) => ({
    principal,
    roles: ["viewer"],
    groups: ["payments"],
    sha256: createHash("sha256").update(tokenOf(principal)).digest("hex"),
    ...more,
  });
  const table = (...tokens: readonly object[]) => JSON.stringify({ tokens });
  const as = (muster: MusterProcess, principal: string) => connect(muster.address, { token: tokenOf(principal) });

  test("that changes is in force without a restart, on open connections and over both ways; what is spoilt leaves it as it was", async () => {
    const file = join(folder, "tokens.json");
    await writeFile(file, table(entry("amy"), entry("bob")));
    await using backing = await embeddedBacking();
    await using muster = await startMuster({ ...backing.env, MUSTER_AUTH: `tokens:${file}` });
    using amy = as(muster, "amy");
    using bob = as(muster, "bob");
    using zoe = as(muster, "zoe");
    const viaJson = (principal: string) => {
      const headers = { "content-type": "application/json", authorization: `Bearer ${tokenOf(principal)}` };
      return fetch(listUrl(muster), { method: "POST", headers, body: "{}" }).then((answer) => answer.status);
    };
    expect([await outcome(amy), await outcome(bob), await outcome(zoe), await viaJson("bob")]).toEqual([status.OK, status.OK, status.UNAUTHENTICATED, 200]);
    const { watchModules } = PlatformRegistrationService.method;
    const more = Promise.withResolvers<void>();
    let isOpen = true;
    let lists = 0;
    const watch = bob.stream(watchModules, {}, () => ((lists += 1), more.resolve(), isOpen));
    await more.promise;

    // Bob's token is removed, as a mounted file is replaced; Zoe gets one.
    await writeFile(`${file}.new`, table(entry("amy"), entry("zoe", { roles: ["admin"] })));
    await rename(`${file}.new`, file);
    await until(async () => (await outcome(bob)) === status.UNAUTHENTICATED);
    expect([await outcome(amy), await outcome(zoe), await viaJson("bob"), await viaJson("zoe")]).toEqual([status.OK, status.OK, 401, 200]);
    // His stream goes on to the end of its life.
    await using module = await startFakeModule({ name: "seen", version: "1.0.0" });
    const before = lists;
    expect((await zoe.register(requestFor("seen", module))).types).toEqual(moduleSteps);
    await until(() => lists > before);
    isOpen = false;
    await unregister(zoe, "seen", module);
    expect((await watch).status.code).toBe(status.CANCELLED);

    // Disabled, he is told so; enabled again, he is back.
    await writeFile(file, table(entry("amy", { enabled: false }), entry("zoe")));
    await until(async () => (await outcome(amy)) === status.PERMISSION_DENIED);
    expect([await viaJson("amy"), await outcome(zoe)]).toEqual([403, status.OK]);
    await writeFile(file, table(entry("amy"), entry("zoe")));
    await until(async () => (await outcome(amy)) === status.OK);

    expect(logged(muster, "tokens.read-failed")).toBe(0);
    const spoilt = [() => writeFile(file, "{"), () => truncate(file), () => rm(file), () => writeFile(file, table(entry("amy", { roles: ["vewer"] })))];
    for (const [index, spoil] of spoilt.entries()) {
      await spoil();
      await until(() => logged(muster, "tokens.read-failed") === index + 1);
      expect([await outcome(amy), await outcome(zoe), await outcome(bob)]).toEqual([status.OK, status.OK, status.UNAUTHENTICATED]);
    }
    expect(await metric(muster, "token_file_read_failures_total")).toBeGreaterThanOrEqual(spoilt.length);
    await writeFile(file, table(entry("bob")));
    await until(async () => (await outcome(bob)) === status.OK);
    expect([await outcome(amy), await outcome(zoe)]).toEqual([status.UNAUTHENTICATED, status.UNAUTHENTICATED]);
    expect(muster.logged()).not.toContain(tokenOf(""));
  });
});

const people = (...names: readonly string[]) => `people:\n${names.map((name) => `  - key: open|${name}\n`).join("")}`;

test("the directory is read while the server runs; when it is spoilt, the last good version stays, with an alert", async () => {
  const file = join(folder, "people.yaml");
  await writeFile(file, "people: []");
  await using backing = await embeddedBacking();
  await using muster = await startMuster({ ...backing.env, MUSTER_DIRECTORY: `file:${file}` });
  expect(logged(muster, "directory.read-failed")).toBe(1);
  expect(await metric(muster, "directory_version")).toBe(0);
  await writeFile(file, people("amy"));
  await until(async () => (await metric(muster, "directory_version")) === 1);
  await writeFile(file, people("amy", "amy"));
  await until(() => logged(muster, "directory.read-failed") === 2);
  expect(muster.logged()).toContain('people[1].key \\"open|amy\\" is a name of people[0], too (line 3)');
  const failures = await metric(muster, "directory_read_failures_total");
  expect(failures).toBeGreaterThanOrEqual(2);
  await until(async () => (await metric(muster, "directory_read_failures_total")) > failures);
  expect(await metric(muster, "directory_version")).toBe(1);
});

describeReal("two replicas with a directory file each", (servers) => {
  test("agree on its version", async () => {
    const files = ["one", "other"].map((name) => join(folder, `${name}.yaml`));
    for (const file of files) await writeFile(file, people("amy"));
    await using backing = await realBacking(servers);
    const start = (file: string) => startMuster({ ...backing.env, MUSTER_DIRECTORY: `file:${file}` });
    const [first, second] = files as [string, string];
    await using one = await start(first);
    await using other = await start(second);
    const versions = () => Promise.all([one, other].map((muster) => metric(muster, "directory_version")));
    await until(async () => (await versions()).every((version) => version === 1));
    await writeFile(first, people("amy", "bob"));
    await until(async () => (await versions()).every((version) => version === 2));
    await writeFile(second, people("amy", "bob"));
    await until(() => logged(other, "directory.read") === 1);
    expect(await versions()).toEqual([2, 2]);
  });
});
