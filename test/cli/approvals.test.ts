/** `muster approvals`, `muster standin` and `muster policy simulate` against a running Muster, in every mode. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { ask, get, person, usePolicy } from "../support/approvals.ts";
import { eventually } from "../support/instances.ts";
import { runCli, startCli, type CliResult } from "../support/muster-cli.ts";
import { inEveryMode } from "../support/world.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-approvals-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const policy = (key: string, more = "") => `
key: ${key}
subject: document
ttl: 7d
${more}
stages:
  - id: team
    requirements: [{id: one, who: {groups: [${key}-team]}, need: 1}]
  - id: security
    requirements: [{id: two, who: {roles: [${key}-security]}, need: 1}]
`;

inEveryMode("approvals on the command line", (world) => {
  let scenes = 0;

  /** A policy of its own, and commands by amy, who asks, bob of the team, and cat of security. */
  async function scene(more = "") {
    const { muster, unique } = world();
    const key = unique(`cli-${++scenes}`);
    using admin = person(muster.address, "root");
    await usePolicy(admin, policy(key, more));
    const by = (name: string, groups = "", roles = "") => {
      const env = { MUSTER_ADDRESS: muster.address, MUSTER_PRINCIPAL: name, MUSTER_GROUPS: groups, MUSTER_ROLES: roles };
      return (args: readonly string[], stdin?: string): Promise<CliResult> => runCli(args, env, stdin);
    };
    const amy = by("amy");
    const bob = by("bob", `${key}-team`);
    const cat = by("cat", "", `${key}-security`);
    const about = `document/${key}`;
    const opened = async (subject = about) => {
      const { out } = await amy(["approvals", "create", key, subject, "--digest", "sha256:1", "-o", "json"]);
      return (JSON.parse(out) as { approval: { id: string } }).approval.id;
    };
    return { key, about, amy, bob, cat, by, opened, env: { MUSTER_ADDRESS: muster.address, MUSTER_PRINCIPAL: "amy" } };
  }

  test("a caller asks and waits, two people decide, and the end has its exit code", async () => {
    const { key, about, amy, bob, cat, env } = await scene();
    const file = join(folder, `${key}.json`);
    await writeFile(file, '{"amount": 3}');
    const create = ["approvals", "create", key, about, "--digest", "sha256:1", "--context", file];
    const dry = await amy([...create, "--dry-run"]);
    expect([dry.code, dry.out]).toEqual([0, expect.stringMatching(/^Nothing was opened\. It would be:\nState +in-review\n/)]);
    expect((await amy(["approvals", "list", "--policy", key])).out).toBe("No matching requests.\n");

    const waiting = startCli([...create, "--wait"], env);
    await eventually(async () => waiting.out().includes("stage team is open") || undefined);
    const listed = await bob(["approvals", "list", "--mine", "--policy", key]);
    const [, id = ""] = /^([0-9a-f-]{36}) +in-review +\S+ +document\/\S+ +amy +\d+s +7d +team: one 0\/1\n1 request\n$/m.exec(listed.out) ?? [];
    expect(id).not.toBe("");
    expect((await amy(["approvals", "list", "--mine", "--policy", key])).out).toBe("Nothing to decide.\n");

    expect(await amy(["approvals", "approve", id])).toEqual({
      code: 4,
      out: `✗ ${id}  SOD_REQUESTER: amy asked for this request, and may not decide on it\n`,
      err: "",
    });
    expect(await bob(["approvals", "approve", id, "--reason", "fine"])).toEqual({ code: 0, out: `✓ ${id}  in-review, security: two 0/1\n`, err: "" });
    expect(await bob(["approvals", "approve", id, "--stage", "team"])).toMatchObject({ code: 6, out: expect.stringMatching(/^✗ \S+ {2}STAGE_NOT_ACTIVE: /) });
    expect(await cat(["approvals", "reject", id])).toMatchObject({ code: 2, out: expect.stringMatching(/^✗ \S+ {2}COMMENT_REQUIRED: /) });
    expect(await cat(["approvals", "approve", id, "--digest", "sha256:2"])).toMatchObject({
      code: 6,
      out: expect.stringMatching(/^✗ \S+ {2}SUBJECT_CHANGED: /),
    });
    expect(await cat(["approvals", "approve", id])).toEqual({ code: 0, out: `✓ ${id}  approved\n`, err: "" });

    const { code, out, err } = await waiting.result;
    expect([code, err]).toEqual([0, `opened ${id}\n`]);
    expect(out.split("\n").map((line) => line.replace(/\d{4}-\S+Z/, "TIME"))).toEqual([
      `   1  TIME  in-review  amy asked for approval of document ${key}, by policy ${key} version 1`,
      "   2  TIME  in-review  stage team is open",
      "   3  TIME  in-review  bob approved stage team: fine",
      "   4  TIME  in-review  stage team is satisfied",
      "   5  TIME  in-review  stage security is open",
      "   6  TIME  in-review  cat approved stage security",
      "   7  TIME  in-review  stage security is satisfied",
      expect.stringMatching(/^ {3}8 {2}TIME {2}approved {3}approved by cat/),
      "",
    ]);
    const shown = await amy(["approvals", "show", id]);
    expect(shown.out).toMatch(/^State +approved$/m);
    expect(shown.out).toMatch(/^Context +\{"amount":3\}$/m);
    expect(shown.out).toMatch(/^✓ stage team {2}satisfied\n {4}✓ one: 1 of 1 \(group \S+\)$/m);
    expect(shown.out).toMatch(/^bob approved stage team, \d+s ago: fine$/m);
    // The same content again: it is approved, so that there is nothing to wait for.
    expect(await amy([...create, "--wait"])).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/^State +approved$/m) });
    expect((await amy(["approvals", "close", id, "--revoke", "--reason", "a leak"])).out).toMatch(/^Grant +revoked/m);
    expect(await amy(["approvals", "close", id, "--revoke", "--cancel"])).toMatchObject({ code: 2 });
  });

  test("many at once, from stdin: a line each, in order, and the first refusal's exit code", async () => {
    const { key, about, bob, opened } = await scene();
    const ids = [await opened(`${about}-1`), await opened(`${about}-2`)];
    const missing = "01a2011e-a4a0-7005-a6a4-f539b87dd561";
    const { code, out } = await bob(["approvals", "reject", "-", "--reason", "no"], `${ids[0]}\n\n${missing}\n${ids[1]}\n`);
    expect([code, out]).toEqual([
      5,
      `✓ ${ids[0]}  rejected\n✗ ${missing}  APPROVAL_NOT_FOUND: there is no approval request with this id\n✓ ${ids[1]}  rejected\n`,
    ]);
    const third = await opened(`${about}-3`);
    expect(await bob(["approvals", "reject", "-", "--reason", "no"], `\ufeff# mine\n${third}\n`)).toEqual({
      code: 5,
      out: `✗ # mine  APPROVAL_NOT_FOUND: an id has 1 to 128 printable ASCII characters without spaces\n✓ ${third}  rejected\n`,
      err: "",
    });
    const again = await bob(["approvals", "approve", ...ids, "-o", "json"]);
    const { results } = JSON.parse(again.out) as { results: { approvalId: string; counted: boolean; reason: string }[] };
    expect([again.code, results.map(({ approvalId, counted, reason }) => [approvalId, counted, reason])]).toEqual([
      6,
      ids.map((id) => [id, false, "REASON_REQUEST_CLOSED"]),
    ]);
    expect(await bob(["approvals", "approve", "-"], "\n")).toMatchObject({ code: 2, err: expect.stringContaining("ID: stdin has none") });
    expect(await bob(["approvals", "approve", ...ids, "--digest", "x"])).toMatchObject({ code: 2 });
    expect((await bob(["approvals", "list", "--state", "rejected", "--subject", "document", "--policy", key, "--limit", "1"])).out).toMatch(
      /\n1\+ requests; the first 1 are shown: --limit 0 shows all\n$/,
    );
    const { approvals, count } = parse((await bob(["approvals", "list", "--subject", `${about}-1`, "-o", "yaml"])).out) as {
      approvals: { id: string }[];
      count: number;
    };
    expect([approvals.map(({ id }) => id), count]).toEqual([[ids[0]], 1]);
    expect((await bob(["approvals", "list", "--state", "open", "--policy", key])).out).toBe("No matching requests.\n");
    expect(await bob(["approvals", "list", "--subject", "/x"])).toMatchObject({ code: 2 });
  });

  test("changes are requested, a revision is decided anew, a rejection ends a watch with 9", async () => {
    const { amy, bob, opened } = await scene();
    const id = await opened();
    expect((await bob(["approvals", "request-changes", id, "--reason", "name it"])).out).toBe(`✓ ${id}  changes-requested, team: one 0/1\n`);
    expect((await amy(["approvals", "explain", id])).out).toMatch(/^Stage team is open\. bob wants changes \(name it\)\./);
    expect((await amy(["approvals", "revise", id, "--digest", "sha256:2"])).out).toMatch(/^Digest +sha256:2\nRevision +2 by amy$/m);
    expect(await amy(["approvals", "revise", id])).toMatchObject({ code: 2, err: expect.stringContaining("--digest is missing") });
    expect(await amy(["approvals", "watch", id, "--until-decided", "--timeout", "1s"])).toMatchObject({ code: 8, err: "" });
    expect(await amy(["approvals", "watch", id, "--timeout", "1s"])).toMatchObject({ code: 0, err: "" });
    // Also when nothing happens after the last event that was seen.
    expect(await amy(["approvals", "watch", id, "--after", "6", "--timeout", "1s"])).toMatchObject({ code: 0, out: "", err: "" });
    expect(await amy(["approvals", "watch", id, "--until-decided", "--after", "6", "--timeout", "1s"])).toMatchObject({ code: 8, out: "", err: "" });
    expect((await bob(["approvals", "abstain", id])).out).toBe(`✓ ${id}  in-review, team: one 0/1\n`);
    await bob(["approvals", "reject", id, "--reason", "no"]);
    expect((await amy(["approvals", "watch", id, "--until-decided"])).code).toBe(9);
    const last = await amy(["approvals", "watch", id, "--until-decided", "--after", "1000"]);
    expect([last.code, last.out]).toEqual([9, ""]);
  });

  test("what is met waits for the changes; a vote for which its voter has to log in again has the code of who may not vote", async () => {
    const { amy, bob, by, key, opened } = await scene();
    const id = await opened();
    const dan = by("dan", `${key}-team`);
    await bob(["approvals", "request-changes", id, "--reason", "name it"]);
    expect((await dan(["approvals", "approve", id])).out).toBe(`✓ ${id}  changes-requested, team: changes\n`);
    expect((await amy(["approvals", "list", "--policy", key])).out).toMatch(/ team: changes\n1 request\n$/);
    const { bob: late, opened: asked } = await scene("reauth: 5m");
    expect(await late(["approvals", "approve", await asked()])).toMatchObject({ code: 4, out: expect.stringContaining("REAUTHENTICATION_NEEDED") });
  });

  test("what its requester takes back ends a watch with 10", async () => {
    const { amy, opened } = await scene();
    const id = await opened();
    expect((await amy(["approvals", "close", id, "--withdraw", "--reason", "a mistake"])).out).toMatch(/^State +cancelled \(withdrawn\)$/m);
    const watched = await amy(["approvals", "watch", id, "--until-decided", "-o", "json"]);
    const events = watched.out
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect([watched.code, events.at(-1)]).toEqual([10, "request_cancelled"]);
    expect(await amy(["approvals", "show", "01a2011e-a4a0-7005-a6a4-f539b87dd561"])).toMatchObject({
      code: 5,
      err: expect.stringContaining("APPROVAL_NOT_FOUND"),
    });
  });

  test("a place is given to somebody else", async () => {
    const { muster } = world();
    const { key, by } = await scene();
    using admin = person(muster.address, "root");
    const named = `${key}-named`;
    await usePolicy(admin, `{key: ${named}, subject: document, ttl: 1d, stages: [{id: s, requirements: [{id: r, who: {users: [open|bob]}, need: 1}]}]}`);
    using asking = person(muster.address, "amy");
    const { id } = await ask(asking, { policyKey: named, subject: { type: "document", id: named, digest: "d" } });
    const [bob, dan] = [by("bob"), by("dan")];
    expect((await dan(["approvals", "approve", id])).out).toMatch(/NOT_ELIGIBLE: /);
    expect(await bob(["approvals", "reassign", id])).toMatchObject({ code: 2 });
    expect(await bob(["approvals", "reassign", id, "--to", "open|dan", "--reason", "leave"])).toMatchObject({ code: 0 });
    expect((await bob(["approvals", "approve", id])).code).toBe(4);
    expect((await dan(["approvals", "approve", id, "--requirement", "r"])).out).toBe(`✓ ${id}  approved\n`);
    expect((await get(asking, id)).votes[0]?.voter?.name).toBe("dan");
  });

  test("a stand-in is put, votes, is listed and ended", async () => {
    const { key, bob, by, opened } = await scene();
    const id = await opened();
    const dan = by("dan");
    expect(await bob(["standin", "put", "open|dan"])).toMatchObject({ code: 2, err: expect.stringContaining("--until is missing") });
    expect(await bob(["standin", "put", "open|dan", "--until", "soon"])).toMatchObject({ code: 2 });
    expect(await bob(["standin", "put", "open|dan", "--until", "2020-01-01"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("must be in the future"),
    });
    const put = await bob(["standin", "put", "open|dan", "--until", "7d", "--policy", key]);
    const [, standIn = ""] = /^([0-9a-f-]{36}) +bob +open\|dan +7d +\S+Z +\S+$/m.exec(put.out) ?? [];
    expect(standIn).not.toBe("");
    expect((await dan(["standin", "list"])).out).toContain(standIn);
    expect((await dan(["approvals", "approve", id])).out).toBe(`✓ ${id}  in-review, security: two 0/1\n`);
    expect((await dan(["approvals", "show", id])).out).toMatch(/^dan for bob approved stage team, /m);
    expect(await bob(["standin", "delete", standIn])).toMatchObject({ code: 0, out: "✓ ended\n" });
    expect(await bob(["standin", "delete", standIn])).toMatchObject({ code: 5 });
    expect((await dan(["standin", "list"])).out).not.toContain(standIn);
  });

  test("a policy is simulated by its key and from a file, with votes, and nothing is kept", async () => {
    const { key, about, amy } = await scene();
    const votes = ["--vote", `open|bob=approve:${key}-team`, "--vote", `open|amy=approve:${key}-team`];
    const { code, out } = await amy(["policy", "simulate", key, about, "--requester", "open|amy", ...votes]);
    expect(code).toBe(0);
    expect(out).toMatch(/^State {2}in-review\nStage security is open\. two has 0 of 1; anybody of role \S+ can vote\./);
    expect(out).toMatch(/\nVotes\n✓ open\|bob {2}counts\n✗ open\|amy {2}SOD_REQUESTER: .*\n\nEvents\n {2}amy asked for approval /);
    const file = join(folder, `${key}.yaml`);
    await writeFile(file, policy(key, "route: [{id: r, when: 'has(context.old) && old', then: reject, reason: too old}]"));
    expect((await amy(["policy", "simulate", file, about, "--context", "-"], '{"old": true}')).out).toMatch(/^State {2}rejected\n/);
    expect((await amy(["policy", "simulate", "-", about], "key: x")).err).toContain("POLICY_INVALID");
    expect(await amy(["policy", "simulate", key, about, "--vote", "bob"])).toMatchObject({ code: 2 });
    expect(await amy(["policy", "simulate", "./none.yaml", about])).toMatchObject({ code: 2 });
    expect((await amy(["approvals", "list", "--policy", key])).out).toBe("No matching requests.\n");
  });
});
