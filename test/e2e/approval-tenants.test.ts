/** Tenants and roles in approvals, with tokens: what is another tenant's answers like what is not there; who owns a request may close it. */
import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type DescMethod } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { afterAll, expect, test } from "vitest";
import { ApprovalService, CloseHow, Decision, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { PolicyService } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { Reason } from "../../gen/muster/approval/v1/reasons_pb.ts";
import { EventService } from "../../gen/muster/event/v1/event_service_pb.ts";
import { ask, decide, usePolicy } from "../support/approvals.ts";
import { connect, refusal, type MusterClient } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { inEveryMode } from "../support/world.ts";

const { close, createApproval, getApproval, listApprovals, reassign, revise, vote, watchApproval, deleteStandIn, listStandIns, putStandIn } =
  ApprovalService.method;
const { activatePolicy, archivePolicy, getPolicy, listPolicies, putPolicy } = PolicyService.method;
const { listEvents } = EventService.method;

const folder = mkdtempSync(join(tmpdir(), "muster-tenants-"));
const file = join(folder, "tokens.json");
afterAll(() => rm(folder, { recursive: true, force: true }));

const entry = (principal: string, tenant: string, roles: readonly string[], more: object = {}) => ({
  principal,
  tenant,
  roles,
  sha256: createHash("sha256").update(`token-of-${principal}`).digest("hex"),
  ...more,
});
const people = [
  entry("root", "default", ["admin"]),
  entry("amy", "default", ["registrar"]),
  entry("bob", "default", ["approver"], { groups: ["team"] }),
  entry("eve", "default", ["viewer"]),
  entry("gone", "default", ["approver"], { groups: ["team"], enabled: false }),
  entry("other-root", "other", ["admin"]),
  entry("other-bob", "other", ["approver"], { groups: ["team"] }),
];
writeFileSync(file, JSON.stringify({ tokens: people }));

inEveryMode(
  "tenants of approvals",
  (world) => {
    const as = (principal: string): MusterClient => connect(world().muster.address, { token: `token-of-${principal}` });
    const policyOf = (key: string) => `{key: ${key}, subject: document, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {groups: [team]}, need: 1}]}]}`;

    async function open(name: string) {
      const key = world().unique(name);
      using root = as("root");
      using amy = as("amy");
      await usePolicy(root, policyOf(key));
      return { key, opened: await ask(amy, { policyKey: key, subject: { type: "document", id: key, digest: "d" } }) };
    }

    test("an id of another tenant answers on every RPC exactly like one that is not there", async () => {
      const { key, opened } = await open("foreign");
      using root = as("other-root");
      using other = as("other-bob");
      const until = { seconds: BigInt(Math.floor(Date.now() / 1_000) + 600), nanos: 0 };
      using bob = as("bob");
      const standIn = (await bob.unary(putStandIn, { to: "tokens|eve", until })).standIn?.id ?? "";
      const random = "01a218d4-af48-707d-a057-5afb22360873";
      const calls: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
        getApproval: (id) => refusal(root, getApproval, { id }),
        vote: (approvalId) => other.unary(vote, { items: [{ approvalId, digest: "d", verdict: Verdict.APPROVE }] }),
        revise: (approvalId) => refusal(root, revise, { approvalId, digest: "x" }),
        reassign: (approvalId) => refusal(root, reassign, { approvalId, to: "tokens|other-bob" }),
        close: (approvalId) => refusal(root, close, { approvalId, how: CloseHow.CANCEL }),
        watchApproval: async (id) => (await root.stream(watchApproval, { id })).status,
        deleteStandIn: (id) => refusal(root, deleteStandIn, { id: id === opened.id ? standIn : id }),
        getPolicy: (id) => refusal(root, getPolicy, { key: id === opened.id ? key : id }),
        activatePolicy: (id) => refusal(root, activatePolicy, { key: id === opened.id ? key : id, version: 1 }),
        archivePolicy: (id) => refusal(root, archivePolicy, { key: id === opened.id ? key : id }),
        createApproval: (id) => refusal(other, createApproval, { policyKey: id === opened.id ? key : id, subject: { type: "document", id: "x", digest: "d" } }),
      };
      const hidden = [opened.id, random, standIn, key];
      const shape = (value: unknown) =>
        hidden.reduce(
          (text, id) => text.replaceAll(id, "ID"),
          JSON.stringify(value, (_k, v: unknown) => (typeof v === "bigint" ? `${v}` : v)),
        );
      for (const [name, call] of Object.entries(calls)) expect([name, shape(await call(opened.id))]).toEqual([name, shape(await call(random))]);
      const lists = [listApprovals, listStandIns, listPolicies] as readonly (DescMethod & {
        input: typeof listApprovals.input;
        output: typeof listApprovals.output;
      })[];
      for (const list of lists) {
        const answer = await root.unary(list, create(list.input));
        expect(shape(answer)).not.toContain("ID");
      }
      const own = () => bob.unary(listEvents, { filter: { subjectKind: "approval", subjectId: opened.id } });
      await eventually(async () => (await own()).events.some(({ type }) => type === "ApprovalCreated") || undefined);
      for (const subjectId of [opened.id, random]) {
        const page = await root.unary(listEvents, { filter: { subjectKind: "approval", subjectId }, pageSize: 1 });
        expect([subjectId, page.events, page.scannedPosition]).toEqual([subjectId, [], page.lastPosition]);
      }
      // Every method that takes an id is among them.
      const without = ["createApproval", "listApprovals", "putStandIn", "listStandIns", "putPolicy", "listPolicies", "simulatePolicy"];
      const all = [...ApprovalService.methods, ...PolicyService.methods].map(({ localName }) => localName);
      expect(all.filter((name) => !(name in calls) && !without.includes(name))).toEqual([]);
      await bob.unary(deleteStandIn, { id: standIn });
    });

    test("two tenants have a policy of one key and a request of one subject each", async () => {
      const { key } = await open("same");
      using root = as("other-root");
      await usePolicy(root, policyOf(key));
      const theirs = await root.unary(createApproval, { policyKey: key, subject: { type: "document", id: key, digest: "d" } });
      expect(theirs.created).toBe(true);
    });

    test("the requester and admins close a request, nobody else; policies are for admins", async () => {
      const { key, opened } = await open("owned");
      using root = as("root");
      using amy = as("amy");
      using eve = as("eve");
      const denied = { code: status.PERMISSION_DENIED, reason: "NOT_OWNER" };
      expect(await refusal(eve, close, { approvalId: opened.id, how: CloseHow.WITHDRAW })).toMatchObject(denied);
      expect(await refusal(eve, revise, { approvalId: opened.id, digest: "x" })).toMatchObject(denied);
      expect(await refusal(amy, close, { approvalId: opened.id, how: CloseHow.CANCEL })).toMatchObject(denied);
      expect(await refusal(eve, reassign, { approvalId: opened.id, from: "tokens|bob", to: "tokens|eve" })).toMatchObject(denied);
      expect(await refusal(amy, putPolicy, { document: policyOf(key) })).toMatchObject({ code: status.PERMISSION_DENIED, reason: "PERMISSION_DENIED" });
      const { approval } = await root.unary(close, { approvalId: opened.id, how: CloseHow.CANCEL, reason: "wrong subject" });
      expect(approval).toMatchObject({ decision: Decision.CANCELLED });
    });

    test("the token file is the directory: who is disabled is no candidate, and who votes is told why not", async () => {
      const { opened } = await open("listed");
      using bob = as("bob");
      using eve = as("eve");
      using gone = as("gone");
      expect(opened.stages[0]?.requirements[0]?.canVote).toEqual(["bob"]);
      expect(await decide(eve, opened)).toMatchObject({ counted: false, reason: Reason.NOT_ELIGIBLE });
      expect(await refusal(gone, vote, { items: [{ approvalId: opened.id, digest: "d", verdict: Verdict.APPROVE }] })).toMatchObject({
        code: status.PERMISSION_DENIED,
      });
      expect(await decide(bob, opened)).toMatchObject({ counted: true, approval: { decision: Decision.APPROVED } });
    });
  },
  { MUSTER_AUTH: `tokens:${file}` },
);
