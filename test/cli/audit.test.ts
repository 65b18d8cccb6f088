/** `muster audit` against a running Muster: exports of every kind, and what is done to one. */
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApprovalService, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { WebhookService } from "../../gen/muster/approval/v1/webhook_service_pb.ts";
import { AuditService } from "../../gen/muster/audit/v1/audit_service_pb.ts";
import { NameService } from "../../gen/muster/registration/v1/name_service_pb.ts";
import { auditKinds } from "../../src/cli/audit/audit-commands.ts";
import { chained, type AuditRow } from "../../src/kernel/audit.ts";
import { ask, decide, person, usePolicy } from "../support/approvals.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { runCli, type CliResult } from "../support/muster-cli.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { inEveryMode, requestFor } from "../support/world.ts";
import { connect } from "../support/client.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-audit-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const policy = (key: string) => `
key: ${key}
subject: document
ttl: 7d
stages: [{id: team, requirements: [{id: one, who: {groups: [team]}, need: 1}]}]
`;

interface Row {
  readonly sequence: string;
  readonly action: string;
  readonly actor: string;
  readonly detail: Readonly<Record<string, string>>;
  readonly hash: string;
}

const rowsOf = (text: string): readonly Row[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);

inEveryMode("the audit on the command line", (world) => {
  const muster = (args: readonly string[], stdin?: string): Promise<CliResult> => runCli(args, { MUSTER_ADDRESS: world().muster.address }, stdin);

  /** An export, which must hold. */
  async function exported(kind: string, id: string): Promise<readonly Row[]> {
    const { code, out, err } = await muster(["audit", "export", kind, id]);
    expect([code, err]).toEqual([0, ""]);
    const rows = rowsOf(out);
    const verified = await runCli(["audit", "verify", "--head", rows.at(-1)?.hash ?? "", "-o", "json"], {}, out);
    expect([verified.code, JSON.parse(verified.out)]).toEqual([0, expect.objectContaining({ isIntact: true, rows: rows.length, head: rows.at(-1)?.hash })]);
    return rows;
  }

  test("exports every kind of subject, and each chain holds", async () => {
    const { unique, client, muster: server } = world();
    const key = unique("audited");
    using admin = person(server.address, "root");
    await usePolicy(admin, policy(key));
    using amy = person(server.address, "amy");
    using bob = person(server.address, "bob", { groups: "team" });
    const opened = await ask(amy, { policyKey: key, subject: { type: "document", id: key, digest: "d" } });
    await decide(bob, opened, { verdict: Verdict.REJECT, comment: "größer 😀" });
    const until = { seconds: BigInt(Math.floor(Date.now() / 1_000) + 3_600), nanos: 0 };
    const { standIn } = await bob.unary(ApprovalService.method.putStandIn, { to: "open|dan", until });
    await bob.unary(ApprovalService.method.deleteStandIn, { id: standIn?.id ?? "" });
    await using module = await startFakeModule({ name: key, version: "1.0.0" });
    await client.register(requestFor(key, module));

    const approval = await exported("approval", opened.id);
    expect(approval.map(({ sequence, action, actor }) => [sequence, action, actor])).toEqual([
      ["1", "request_created", "open|amy"],
      ["2", "stage_started", "muster"],
      ["3", "vote_recorded", "open|bob"],
      ["4", "stage_completed", expect.any(String)],
      ["5", "request_rejected", expect.any(String)],
    ]);
    expect(JSON.parse(approval[2]?.detail["event"] ?? "")).toMatchObject({ comment: "größer 😀", verdict: "reject" });
    expect((await exported("policy", key)).map(({ action }) => action)).toEqual(["POLICY_PUT", "POLICY_ACTIVATED"]);
    expect((await exported("stand-in", standIn?.id ?? "")).map(({ action }) => action)).toEqual(["stand-in.put", "stand-in.deleted"]);
    using root = person(server.address, "root");
    const { endpoint } = await root.unary(WebhookService.method.createWebhookEndpoint, { url: "http://127.0.0.1:9/" });
    expect((await exported("webhook-endpoint", endpoint?.id ?? "")).map(({ action }) => action)).toEqual(["WEBHOOK_CREATED"]);
    const secret = (await root.unary(WebhookService.method.createWebhookSecret, {})).secret?.id ?? "";
    await root.unary(WebhookService.method.deleteWebhookSecret, { id: secret });
    expect((await exported("webhook-secret", secret)).map(({ action }) => action)).toEqual(["SECRET_CREATED", "SECRET_DELETED"]);
    await root.unary(NameService.method.transferName, { name: key, owner: "open|dan" });
    expect((await exported("name", key.toUpperCase())).map(({ action, actor }) => [action, actor])).toEqual([["NAME_TRANSFERRED", "open|root"]]);
    expect((await exported("instance", `${key}-${module.host}-${module.port}`)).map(({ action }) => action)).toEqual(["REGISTRATION_STARTED", "REGISTERED"]);

    const shown = await muster(["audit", "export", "approval", opened.id, "-o", "table"]);
    expect(shown.out).toMatch(/^ROW +AT +BY +ACTION +HASH +DETAIL\n1 +\S+Z +open\|amy +request_created +[0-9a-f]{12} +\{.*\n/);
    expect(shown.out).toMatch(new RegExp(`\\n5 rows, head ${approval.at(-1)?.hash}\\n$`));
  });

  test.each([
    ["approval", "APPROVAL_NOT_FOUND"],
    ["policy", "POLICY_NOT_FOUND"],
    ["stand-in", "STAND_IN_NOT_FOUND"],
    ["instance", "REGISTRATION_NOT_FOUND"],
    ["name", "NAME_NOT_FOUND"],
    ["webhook-endpoint", "WEBHOOK_ENDPOINT_NOT_FOUND"],
    ["webhook-secret", "WEBHOOK_SECRET_NOT_FOUND"],
    ["inbound-events", "INBOUND_EVENT_NOT_FOUND"],
  ])("no %s: %s", async (kind, reason) => {
    expect(await muster(["audit", "export", kind, "no-such"])).toMatchObject({ code: 5, err: expect.stringContaining(reason) });
  });

  test("the command knows the kinds that a server has, and no others", async () => {
    using client = connect(world().muster.address);
    const { status } = await client.stream(AuditService.method.exportAudit, { kind: "planet", id: "x" });
    expect(status.message).toBe(`kind must be one of ${auditKinds.join(", ")}`);
  });

  test("kinds that are not audited", async () => {
    expect(await muster(["audit", "export", "planet", "x"])).toMatchObject({ code: 2 });
  });
});

test("only operators read the audit, and only of their tenant", async () => {
  await using backing = await embeddedBacking();
  const entry = (principal: string, role: string, tenant: string) => ({
    principal,
    roles: [role],
    tenant,
    sha256: createHash("sha256").update(`token-of-${principal}`).digest("hex"),
  });
  const file = join(folder, "tokens.json");
  await writeFile(file, JSON.stringify({ tokens: [entry("ann", "admin", "acme"), entry("vic", "viewer", "acme"), entry("eve", "operator", "evil")] }));
  await using muster = await startMuster({ ...backing.env, MUSTER_AUTH: `tokens:${file}` });
  const as = (name: string) => ({ metadata: { authorization: `Bearer token-of-${name}` } });
  using ann = connect(muster.address, as("ann"));
  await usePolicy(ann, policy("release"));
  const opened = await ask(ann, { policyKey: "release", subject: { type: "document", id: "d", digest: "d" } });
  const until = { seconds: BigInt(Math.floor(Date.now() / 1_000) + 3_600), nanos: 0 };
  const { standIn } = await ann.unary(ApprovalService.method.putStandIn, { to: "tokens|vic", until });
  const codes = async (name: string) => {
    const env = { MUSTER_ADDRESS: muster.address, MUSTER_TOKEN: `token-of-${name}` };
    const wanted = [
      ["approval", opened.id],
      ["policy", "release"],
      ["stand-in", standIn?.id ?? ""],
    ] as const;
    return Promise.all(wanted.map(async ([kind, id]) => (await runCli(["audit", "export", kind, id], env)).code));
  };
  expect([await codes("ann"), await codes("vic"), await codes("eve")]).toEqual([
    [0, 0, 0],
    [4, 4, 4],
    [5, 5, 5],
  ]);
});

describe("verify", () => {
  const chain = (actors: readonly string[]): AuditRow[] => {
    const rows: AuditRow[] = [];
    for (const actor of actors) {
      rows.push(
        chained({ subject: { kind: "approval", id: "a" }, at: 1_700_000_000_123, actor, action: "vote_recorded", detail: { event: "{}" } }, rows.at(-1)),
      );
    }
    return rows;
  };
  const lineOf = ({ subject, at, sequence, ...row }: AuditRow): string =>
    `${JSON.stringify({ ...subject, ...row, sequence: `${sequence}`, at: new Date(at).toISOString() })}\n`;
  const rows = chain(["a", "b", "c", "d"]);
  const lines = rows.map(lineOf);
  const [first = "", second = "", third = "", fourth = ""] = lines;
  const head = rows[3]?.hash ?? "";
  const verify = (text: string, ...options: readonly string[]) => runCli(["audit", "verify", ...options], {}, text);

  test("says what holds, and what a chain cannot show without its head", async () => {
    expect(await verify(lines.join(""))).toEqual({
      code: 0,
      out: `✓ 4 rows of approval/a as written; without --head nothing shows whether rows after them were cut off\n  head ${head}\n`,
      err: "",
    });
    expect((await verify(lines.join(""), "--head", head)).out).toBe(`✓ 4 rows of approval/a as written\n  head ${head}\n`);
    // An export of before, after which the chain has grown.
    expect((await verify(lines.join(""), "--head", rows[1]?.hash ?? "")).code).toBe(0);
    expect((await verify(first + second)).code).toBe(0);
  });

  test.each([
    ["an edited row", first + second.replace('"b"', '"x"') + third + fourth, 2, "was edited"],
    ["an edited time", first + second.replace(".123Z", ".124Z") + third + fourth, 2, "was edited"],
    [
      "a time between two milliseconds",
      first + second.replace(".123Z", ".1239Z") + third,
      2,
      "is no row of an audit, as `muster audit export` prints it with -o json",
    ],
    ["a deleted row", first + third + fourth, 2, "is missing: row 1 is followed by row 3"],
    ["the first row deleted", second + third + fourth, 1, "is missing: the first is row 2"],
    ["a row twice", first + second + second + third, 3, "is row 2 once more, or out of place"],
    [
      "a row written anew with a fitting hash",
      first + lineOf(chain(["a", "x"])[1]!) + third + fourth,
      3,
      "does not follow row 2: one of them was written anew",
    ],
    ["a cut tail", first + second, 3, `was cut off, or rows before it were written anew: no row has the head ${head}`],
    ["a rewritten chain", chain(["a", "b", "c", "x"]).map(lineOf).join(""), 5, `was cut off, or rows before it were written anew: no row has the head ${head}`],
    ["a row of something else", first + second.replace('"id":"a"', '"id":"b"') + third + fourth, 2, "is of approval/b"],
    [
      "a chain that goes on with something else",
      first + lineOf(chained({ ...rows[1]!, subject: { kind: "approval", id: "b" } }, rows[0])),
      2,
      "is of approval/b",
    ],
    ["a line that is no row", `${first}{"sequence": 2}\n`, 2, "is no row of an audit, as `muster audit export` prints it with -o json"],
    ["a field that rows do not have", first + second.replace("{", '{"note":"x",'), 2, "is no row of an audit, as `muster audit export` prints it with -o json"],
    ["nothing", "", 1, "is missing: there are no rows"],
  ])("%s", async (_what, text, row, problem) => {
    expect(await verify(text, "--head", head)).toEqual({ code: 1, out: `✗ row ${row}: ${problem}\n`, err: "" });
    const json = await verify(text, "--head", head, "-o", "json");
    expect([json.code, JSON.parse(json.out)]).toMatchObject([1, { isIntact: false, row, problem }]);
  });

  test("refuses what is no head, and a file that is not there", async () => {
    expect(await verify(lines.join(""), "--head", "abc")).toMatchObject({ code: 2 });
    expect(await runCli(["audit", "verify", join(folder, "none")])).toMatchObject({ code: 2 });
  });
});
