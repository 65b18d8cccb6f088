/** What happens to requests by itself, when it is due, once; in every mode, and when the server is killed meanwhile. */
import { describe, expect, test } from "vitest";
import { ApprovalService, Decision, Grant, Verdict, type Approval } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { EventService } from "../../gen/muster/event/v1/event_service_pb.ts";
import { ask, decide, eventsSoFar, eventsUntilDecided, get, person, usePolicy } from "../support/approvals.ts";
import { inFlight } from "../support/in-flight.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type Backing } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { inEveryMode } from "../support/world.ts";

const { putStandIn } = ApprovalService.method;
const { listEvents } = EventService.method;
const policyOf = (key: string, more: string, ttl = "30s") => `
key: ${key}
subject: document
ttl: ${ttl}
${more}
`;
const stage = (after: string) => `stages: [{id: s, requirements: [{id: r, who: {users: [bob]}, need: 1}], after: [${after}]}]`;

inEveryMode("timers of approvals", (world) => {
  async function open(name: string, more: string, ttl?: string) {
    const { muster, unique } = world();
    const key = unique(name);
    const admin = person(muster.address, "root");
    await usePolicy(admin, policyOf(key, more, ttl));
    const amy = person(muster.address, "amy");
    const opened = await ask(amy, { policyKey: key, subject: { type: "document", id: key, digest: "d" } });
    const close = (): void => [admin, amy].forEach((client) => client[Symbol.dispose]());
    return { amy, opened, [Symbol.dispose]: close };
  }
  const types = (events: Awaited<ReturnType<typeof eventsUntilDecided>>) => events.map(({ type }) => type);
  /** Milliseconds from the opening until an event. */
  const delay = (events: Awaited<ReturnType<typeof eventsUntilDecided>>, type: string) => {
    const at = (event: (typeof events)[number] | undefined) => Number(event?.at?.seconds ?? 0n) * 1_000 + (event?.at?.nanos ?? 0) / 1e6;
    return at(events.find((event) => event.type === type)) - at(events[0]);
  };

  test("a stage reminds, escalates and rejects, each once and in order", async () => {
    using scene = await open("late", stage("{in: 1s, do: remind}, {in: 2s, do: escalate, to: {groups: [leads]}}, {in: 3s, do: reject}"));
    const events = await eventsUntilDecided(scene.amy, scene.opened.id);
    expect(types(events).filter((type) => type !== "approvers_resolved")).toEqual([
      "request_created",
      "stage_started",
      "reminded",
      "escalated",
      "request_rejected",
    ]);
    expect(events.at(-1)).toMatchObject({ actor: "timer", decision: Decision.REJECTED });
    for (const [type, due] of [
      ["reminded", 1_000],
      ["escalated", 2_000],
      ["request_rejected", 3_000],
    ] as const)
      expect(delay(events, type)).toBeGreaterThanOrEqual(due);
  });

  test("whoever a stage was escalated to decides", async () => {
    const { muster } = world();
    using scene = await open("escalated", stage("{in: 1s, do: escalate, to: {groups: [leads]}}"));
    using lea = person(muster.address, "lea", { groups: "leads" });
    expect(await decide(lea, scene.opened)).toMatchObject({ counted: false });
    await eventually(async () => (await get(lea, scene.opened.id)).mayVote || undefined);
    expect(await decide(lea, scene.opened)).toMatchObject({ counted: true, approval: { decision: Decision.APPROVED } });
  });

  test("a stand-in who has ended no longer takes a place: those who can vote are found again", async () => {
    const { muster } = world();
    using bob = person(muster.address, "bob");
    using scene = await open("ended", stage(""));
    const canVote = async () => (await get(bob, scene.opened.id)).stages[0]?.requirements[0]?.canVote;
    const until = { seconds: BigInt(Math.ceil(Date.now() / 1_000) + 2), nanos: 0 };
    await bob.unary(putStandIn, { to: "open|dan", until });
    await eventually(async () => (await canVote())?.includes("open|dan") || undefined);
    await eventually(async () => (await canVote())?.includes("bob") || undefined);
  });

  test("a grant that nobody uses in time ends", async () => {
    const { muster } = world();
    using scene = await open("granted", `effect: {grant_ttl: 2s}\n${stage("")}`);
    using bob = person(muster.address, "bob");
    expect(await decide(bob, scene.opened)).toMatchObject({ counted: true, approval: { decision: Decision.APPROVED, grant: Grant.VALID } });
    const { grant } = await eventually(async () => {
      const approval = await get(scene.amy, scene.opened.id);
      return approval.grant === Grant.VALID ? undefined : approval;
    });
    expect(grant).toBe(Grant.EXPIRED);
    const events = await eventsSoFar(scene.amy, scene.opened.id);
    expect(events.at(-1)).toMatchObject({ type: "grant_changed", actor: "timer", decision: Decision.APPROVED });
  });

  test.each([
    ["expires", "", "request_expired", Decision.EXPIRED],
    ["is rejected", "on_expire: reject", "request_rejected", Decision.REJECTED],
  ])("a request that nobody decides %s", async (_name, onExpire, type, decision) => {
    using scene = await open(`expiry-${type}`, `${onExpire}\n${stage("")}`, "2s");
    const events = await eventsUntilDecided(scene.amy, scene.opened.id);
    expect(events.at(-1)).toMatchObject({ type, decision, actor: "timer" });
  });
});

function survivesKill(name: string, back: () => Promise<Backing>): void {
  test(`${name}: what was due while no server ran happens at the next start, once`, async () => {
    await using backing = await back();
    const first = await startMuster(backing.env);
    using admin = person(first.address, "root");
    await usePolicy(admin, policyOf("k", stage("{in: 2s, do: remind}, {in: 4s, do: reject}")));
    using amy = person(first.address, "amy");
    const opened = await ask(amy, { policyKey: "k", subject: { type: "document", id: "x", digest: "d" } });
    first.signal("SIGKILL");
    await first.ended;
    await using second = await startMuster(backing.env);
    using again = person(second.address, "amy");
    const events = await eventsUntilDecided(again, opened.id);
    expect(events.map(({ type }) => type).filter((type) => type !== "approvers_resolved")).toEqual([
      "request_created",
      "stage_started",
      "reminded",
      "request_rejected",
    ]);
    using bob = person(second.address, "bob");
    expect(await decide(bob, opened, { verdict: Verdict.APPROVE })).toMatchObject({ counted: false, approval: { decision: Decision.REJECTED } });
  });
}

describeReal("timers with two replicas", (servers) => {
  test("act once, whichever replica is first; each replica reads what the other has written at once", async () => {
    await using backing = await realBacking(servers);
    await using one = await startMuster(backing.env);
    await using other = await startMuster(backing.env);
    using admin = person(one.address, "root");
    await usePolicy(admin, policyOf("k", stage("{in: 1s, do: remind}, {in: 2s, do: escalate, to: {users: [lea]}}, {in: 3s, do: reject}")));
    using amy = person(one.address, "amy");
    const opened = await inFlight(
      Array.from({ length: 20 }, (_, n) => n),
      8,
      (n) => ask(amy, { policyKey: "k", subject: { type: "document", id: `${n}`, digest: "d" } }),
    );
    using elsewhere = person(other.address, "bob");
    const [voted] = opened as [Approval];
    expect(await decide(elsewhere, voted, { verdict: Verdict.REQUEST_CHANGES, comment: "c" })).toMatchObject({ counted: true });
    expect(await get(amy, voted.id)).toMatchObject({ decision: Decision.CHANGES_REQUESTED });
    const byTimer = ["reminded", "escalated", "request_rejected"];
    for (const { id } of opened) {
      const events = await eventsUntilDecided(elsewhere, id);
      expect(events.map(({ type }) => type).filter((type) => byTimer.includes(type))).toEqual(byTimer);
      // What is published is numbered soon after its commit.
      const published = await eventually(async () => {
        const { events: logged } = await amy.unary(listEvents, { filter: { subjectKind: "approval", subjectId: id } });
        return logged.some(({ type }) => type === "ApprovalRejected") ? logged.map(({ type }) => type) : undefined;
      });
      const once = ["ApprovalReminded", "ApprovalEscalated", "ApprovalRejected"];
      expect(published.filter((type) => once.includes(type))).toEqual(once);
    }
  });
});

describe("timers over a kill", () => survivesKill("embedded", embeddedBacking));
describeReal("timers over a kill", (servers) => survivesKill("real servers", () => realBacking(servers)));
