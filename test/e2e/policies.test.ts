/** Policies in the whole program: by a stock client and by the command line, with roles and tenants. */
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PolicyFormat, PolicyService, PolicyStatus } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { EventService } from "../../gen/muster/event/v1/event_service_pb.ts";
import { CallError, connect, type CallStatus, type MusterClient } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { runCli } from "../support/muster-cli.ts";
import { embeddedBacking, realBacking, startMuster, type Environment, type MusterProcess } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";

const { putPolicy, activatePolicy, archivePolicy, getPolicy, listPolicies } = PolicyService.method;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-policies-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const text = (need: number | string = 1) => `key: release # of a build
subject: build
ttl: 7d
stages: [{id: one, requirements: [{id: a, who: {groups: [sre]}, need: ${need}}]}]
`;
const tokenOf = (name: string) => `token-of-${name}`;

async function tokens(): Promise<Environment> {
  const entry = (principal: string, role: string, tenant: string) => ({
    principal,
    roles: [role],
    tenant,
    sha256: createHash("sha256").update(tokenOf(principal)).digest("hex"),
  });
  const file = join(folder, "tokens.json");
  await writeFile(file, JSON.stringify({ tokens: [entry("ann", "admin", "acme"), entry("vic", "viewer", "acme"), entry("eve", "admin", "evil")] }));
  return { MUSTER_AUTH: `tokens:${file}` };
}

async function refusal(work: Promise<unknown>): Promise<CallStatus> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CallError)) throw new Error(`it was not refused: ${String(error)}`);
  return error.status;
}

function policyLife(backing: () => ReturnType<typeof embeddedBacking>): void {
  test("a policy is put, activated, read, replaced and archived", async () => {
    await using behind = await backing();
    await using muster = await startMuster(behind.env);
    using client = connect(muster.address);
    const put = await client.unary(putPolicy, { document: text() });
    expect(put).toMatchObject({
      created: true,
      problems: [],
      policy: { key: "release", version: 1, status: PolicyStatus.DRAFT, subjectType: "build", createdBy: "open|anonymous" },
    });
    const active = await client.unary(activatePolicy, { key: "release", version: 1, expectedActive: 0 });
    expect(active.policy).toMatchObject({ status: PolicyStatus.ACTIVE, activatedBy: "open|anonymous" });

    const shown = await client.unary(getPolicy, { key: "release" });
    expect(shown.source).toBe(text());
    expect(shown.document).toContain("on_expire: expire\n");
    expect((await client.unary(putPolicy, { document: shown.document })).created).toBe(false);
    const json = await client.unary(getPolicy, { key: "release", version: 1, format: PolicyFormat.JSON });
    expect(JSON.parse(json.document)).toMatchObject({ key: "release", requester_may_vote: false, stages: [{ requirements: [{ need: 1, veto: 1 }] }] });

    await client.unary(putPolicy, { document: text(2) });
    expect(await refusal(client.unary(activatePolicy, { key: "release", version: 2, expectedActive: 0 }))).toMatchObject({
      code: status.ABORTED,
      reason: "POLICY_ACTIVE_DIFFERS",
      metadata: { active: "1" },
    });
    await client.unary(activatePolicy, { key: "release", version: 2, expectedActive: 1 });
    expect((await client.unary(listPolicies, { key: "release" })).policies.map(({ version, status: use }) => [version, use])).toEqual([
      [2, PolicyStatus.ACTIVE],
      [1, PolicyStatus.ARCHIVED],
    ]);
    expect((await client.unary(archivePolicy, { key: "release" })).policy).toMatchObject({ version: 2, status: PolicyStatus.ARCHIVED });
    expect(await refusal(client.unary(activatePolicy, { key: "release", version: 1 }))).toMatchObject({
      code: status.FAILED_PRECONDITION,
      reason: "POLICY_ARCHIVED",
    });

    // An event is in the log soon after its commit.
    const types = await eventually(async () => {
      const { events } = await client.unary(EventService.method.listEvents, { filter: { subjectKind: "policy", subjectId: "default/release" } });
      return events.length === 3 ? events.map(({ type }) => type) : undefined;
    });
    expect(types).toEqual(["PolicyActivated", "PolicyActivated", "PolicyArchived"]);
  });
}

describe("embedded", () => policyLife(embeddedBacking));
describeReal("on the real servers", (servers) => policyLife(() => realBacking(servers)));

test("what is wrong with a document comes with its places; a dry run lists all of it", async () => {
  await using behind = await embeddedBacking();
  await using muster = await startMuster(behind.env);
  using client = connect(muster.address);
  const document = `${text(0)}on_expire: approve\nkez: 1\n`;
  expect(await refusal(client.unary(putPolicy, { document }))).toMatchObject({
    code: status.INVALID_ARGUMENT,
    reason: "POLICY_INVALID",
    metadata: { errors: "2", line: "4", column: "71" },
    fields: ["stages[0].requirements[0].need", "kez"],
  });
  const { policy, problems } = await client.unary(putPolicy, { document, validateOnly: true });
  expect(policy).toBeUndefined();
  expect(problems.map(({ line, column, path }) => `${line}:${column} ${path}`)).toEqual(["4:71 stages[0].requirements[0].need", "5:12 on_expire", "6:1 kez"]);
  // A share of a group that nobody can list: there is no directory here.
  expect(await refusal(client.unary(putPolicy, { document: text("50%") }))).toMatchObject({
    reason: "POLICY_INVALID",
    fields: ["stages[0].requirements[0].need"],
  });
  for (const [method, request, fields] of [
    [activatePolicy, { key: "", version: 0, expectedActive: -1 }, ["key", "version", "expected_active"]],
    [archivePolicy, { key: "a b", version: -1 }, ["key", "version"]],
    [getPolicy, { key: "x".repeat(129), version: -1, format: 9 }, ["key", "version", "format"]],
    [listPolicies, { key: "k", pageSize: 501, pageToken: "x" }, ["page_size", "page_token"]],
  ] as const) {
    expect(await refusal(client.unary(method as typeof getPolicy, request as object))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: "INVALID_FIELDS",
      fields,
    });
  }
});

describe("with tokens", () => {
  test("only admins change policies, and only their tenant's; another tenant's are like none", async () => {
    await using behind = await embeddedBacking();
    await using muster = await startMuster({ ...behind.env, ...(await tokens()) });
    const as = (name: string): MusterClient => connect(muster.address, { token: tokenOf(name) });
    using ann = as("ann");
    using vic = as("vic");
    using eve = as("eve");
    await ann.unary(putPolicy, { document: text() });
    await ann.unary(activatePolicy, { key: "release", version: 1 });
    for (const [method, request] of [
      [putPolicy, { document: text() }],
      [activatePolicy, { key: "release", version: 1 }],
      [archivePolicy, { key: "release" }],
    ] as const) {
      expect(await refusal(vic.unary(method as typeof putPolicy, request as object))).toMatchObject({
        code: status.PERMISSION_DENIED,
        metadata: { needed_role: "admin" },
      });
    }
    expect((await vic.unary(getPolicy, { key: "release" })).policy?.createdBy).toBe("tokens|ann");
    for (const [method, request] of [
      [activatePolicy, { version: 1 }],
      [archivePolicy, {}],
      [getPolicy, {}],
      [listPolicies, {}],
    ] as const) {
      const of = (key: string) => refusal(eve.unary(method as typeof getPolicy, { ...request, key }));
      const theirs = await of("release");
      expect(theirs).toMatchObject({ code: status.NOT_FOUND, reason: "POLICY_NOT_FOUND" });
      expect(JSON.stringify(theirs).replaceAll("release", "nothing")).toBe(JSON.stringify(await of("nothing")));
    }
    expect((await eve.unary(listPolicies, {})).policies).toEqual([]);
    // The token file says who is in the group.
    expect((await ann.unary(putPolicy, { document: text("50%") })).created).toBe(true);
  });
});

describe("muster policy", () => {
  const cli = (muster: MusterProcess, ...args: readonly string[]) => runCli(["policy", ...args, "--address", muster.address]);

  test("puts, activates, lists, shows and archives", async () => {
    await using behind = await embeddedBacking();
    await using muster = await startMuster(behind.env);
    const file = join(folder, "release.yaml");
    await writeFile(file, text());
    expect(await cli(muster, "put", file, "--dry-run")).toMatchObject({ code: 0, out: "release version 1 (DRAFT): is right\n" });
    expect(await cli(muster, "put", file)).toMatchObject({ code: 0, out: "release version 1 (DRAFT): stored\n" });
    expect(await cli(muster, "put", file)).toMatchObject({ code: 0, out: "release version 1 (DRAFT): unchanged\n" });
    expect(await cli(muster, "activate", "release", "1", "--expect", "0")).toMatchObject({ code: 0, out: "release version 1 (ACTIVE)\n" });
    expect(await cli(muster, "activate", "release", "1", "--expect", "0")).toMatchObject({ code: 6 });
    expect((await cli(muster, "list")).out).toMatch(
      /^POLICY +VERSION +STATUS +SUBJECT +SINCE +BY +DIGEST\nrelease +1 +ACTIVE +build +\S+ +open\|anonymous +[0-9a-f]{12}\n$/,
    );
    expect(JSON.parse((await cli(muster, "list", "release", "-o", "json")).out)).toMatchObject({
      policies: [{ key: "release", status: "POLICY_STATUS_ACTIVE" }],
    });
    expect((await cli(muster, "show", "release", "--source")).out).toBe(text());
    expect((await cli(muster, "show", "release", "--version", "1")).out).toContain("distinct_people: stage\n");
    expect(await cli(muster, "archive", "release")).toMatchObject({ code: 0, out: "release version 1 (ARCHIVED)\n" });
    expect(await cli(muster, "show", "other")).toMatchObject({ code: 5 });
    await writeFile(file, text(0));
    expect(await cli(muster, "put", file)).toMatchObject({ code: 2, err: expect.stringContaining("POLICY_INVALID") });
    expect(await cli(muster, "put", file, "--dry-run")).toMatchObject({
      code: 1,
      err: `${file}:4:71: error: stages[0].requirements[0].need: nobody would have to approve: it is at least 1, not 0\n`,
    });
  });

  test("lint needs no server", async () => {
    const [good, bad, warned] = [join(folder, "good.yaml"), join(folder, "bad.yaml"), join(folder, "warned.yaml")];
    await writeFile(good, text("50%"));
    await writeFile(bad, text(0));
    await writeFile(warned, `${text()}on_expire: approve\n`);
    const warning = `${warned}:5:12: warning: on_expire: what nobody decided is approved when its time is over\n`;
    expect(await runCli(["policy", "lint", good])).toEqual({ code: 0, out: "", err: "" });
    expect(await runCli(["policy", "lint", good, "--claims-only"])).toMatchObject({ code: 1 });
    expect(await runCli(["policy", "lint", warned])).toEqual({ code: 0, out: warning, err: "" });
    expect(await runCli(["policy", "lint", warned, "--strict"])).toEqual({ code: 1, out: warning, err: "" });
    const both = await runCli(["policy", "lint", good, bad, "-o", "json"]);
    expect(both.code).toBe(1);
    expect(JSON.parse(both.out)).toEqual({
      errors: 1,
      findings: [
        {
          file: bad,
          line: 4,
          column: 71,
          path: "stages[0].requirements[0].need",
          message: "nobody would have to approve: it is at least 1, not 0",
          severity: "error",
        },
      ],
    });
    expect(await runCli(["policy", "lint", join(folder, "none.yaml")])).toMatchObject({ code: 2 });
  });
});
