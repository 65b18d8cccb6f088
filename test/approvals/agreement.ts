/** The machine and the naive model side by side, and what is true of both after every step. */
import { expect } from "vitest";
import { explain } from "../../src/approvals/explain.ts";
import { fold } from "../../src/approvals/evolve.ts";
import { dueAt, open, tick, vote } from "../../src/approvals/machine.ts";
import { mayVote } from "../../src/approvals/may-vote.ts";
import type { World } from "../../src/approvals/people.ts";
import type { Approval, ApprovalEvent } from "../../src/approvals/request.ts";
import type { Person, Policy } from "../../src/approvals/types.ts";
import { frozen, policy, requirement, stage, t0, who } from "./cases.ts";
import { start } from "./naive-course.ts";
import { canFill, isOpen, may, stageOf, type Naive, type Named, type NaivePerson, type NaivePolicy } from "./naive-model.ts";

export const everybody = ["ada", "bob", "cy", "dee", "eve", "fay"] as const;

export interface Setup {
  readonly policy: NaivePolicy;
  readonly next: NaivePolicy;
  readonly behalf: string | undefined;
  readonly isStanding: boolean;
  readonly isKnown: boolean;
  readonly people: Readonly<Record<string, NaivePerson>>;
  readonly requester: string;
  readonly standIns: Naive["standIns"];
}

export interface Real {
  approval: Approval;
  events: readonly ApprovalEvent[];
  world: World;
  policy: Policy;
  revisions: number;
}

const named = ({ users, groups, roles }: Named) =>
  who(...users.map((name) => `id|${name}`), ...groups.map((group) => `group:${group}`), ...roles.map((role) => `role:${role}`));

export function realPolicy(naive: NaivePolicy): Policy {
  const { auto, grantTtl } = naive.effect;
  const document = {
    stages: naive.stages.map(({ id, when, requirements, after }) =>
      stage(
        id,
        requirements.map(({ who: people, ...rest }) => requirement(rest.id, { ...rest, who: named(people) })),
        {
          when,
          after: after.map((action) =>
            action.do === "escalate" ? { afterMs: action.in, do: "escalate", to: named(action.to) } : { afterMs: action.in, do: action.do },
          ),
        },
      ),
    ),
    ttlMs: naive.ttl,
    distinctPeople: naive.distinct,
    requesterMayVote: naive.requesterMayVote,
    onExpire: naive.onExpire,
    onUnsatisfiable: typeof naive.onUnsatisfiable === "object" ? { escalate: named(naive.onUnsatisfiable.escalate) } : naive.onUnsatisfiable,
    effect: { auto, ...(grantTtl === undefined ? {} : { grantTtlMs: grantTtl }) },
  };
  return frozen(policy(document, { yes: true, no: false, fails: new Error("a fault") }));
}

/** As credentials have the person, under one of two keys. */
export function credentials({ people }: Naive, name: string, key = `id|${name}`): Person {
  return { key, name, groups: people[name]?.groups ?? [], roles: people[name]?.roles ?? [] };
}

/** The person by the other key, which only the directory knows. */
export function byAlias(m: Naive, name: string, isOld: boolean): Person {
  return credentials(m, name, isOld && m.isKnown ? `old|${name}` : `id|${name}`);
}

export function worldOf(m: Naive): World {
  const members = Object.entries(m.people).map(([name, { groups, roles, enabled }]) => ({
    key: `id|${name}`,
    name,
    groups,
    roles,
    aliases: [`old|${name}`],
    isEnabled: enabled,
  }));
  const standIns = m.standIns.map(({ from, to }) => ({
    id: `${from}-${to}`,
    from: credentials(m, from),
    to: `id|${to}`,
    policies: [],
    since: 0,
    until: Number.MAX_SAFE_INTEGER,
  }));
  return frozen({ now: m.now, directory: m.isKnown ? { version: 1, members } : "unknown", standIns });
}

export function begin({ policy: naive, requester, ...setup }: Setup): { model: Naive; real: Real } {
  const { behalf, isStanding } = setup;
  const model: Naive = {
    ...setup,
    policy: naive,
    full: naive,
    asked: [...new Set([requester, behalf ?? requester])],
    author: requester,
    now: t0,
    expires: 0,
    decision: "",
    grant: "NONE",
    grantUntil: 0,
    effect: "NONE",
    votes: [],
    at: 0,
    stages: [],
    saidNow: false,
  };
  start(model, naive);
  const by = realPolicy(naive);
  const world = worldOf(model);
  const subject = { type: "release", id: "shop@1", digest: "d1" };
  const asking = { requester: credentials(model, requester), ...(behalf === undefined ? {} : { onBehalfOf: credentials(model, behalf) }), isStanding };
  const { approval, events } = open({ id: "r1", tenant: "default", subject, context: {}, ...asking }, by, world);
  const real: Real = { approval: frozen(approval), events, world, policy: by, revisions: 1 };
  agree(model, real, events);
  return { model, real };
}

const terminal = ["request_approved", "request_rejected", "request_expired", "request_cancelled"];

/** What is true after every step. */
export function agree(m: Naive, real: Real, events: readonly ApprovalEvent[]): void {
  const { approval, world } = real;
  expect([approval.decision, approval.grant, approval.effect]).toEqual([m.decision, m.grant, m.effect]);
  expect(events.some(({ type }) => type === "unsatisfiable")).toBe(m.saidNow);
  const log = real.events;
  expect(log.map(({ sequence }) => sequence)).toEqual(log.map((_, i) => i + 1));
  expect(fold(log)).toStrictEqual(approval);
  expect(JSON.parse(JSON.stringify(fold(JSON.parse(JSON.stringify(log)) as ApprovalEvent[])))).toStrictEqual(JSON.parse(JSON.stringify(approval)));
  expect(fold(JSON.parse(JSON.stringify(log)) as ApprovalEvent[])).toStrictEqual(approval);
  expect(log.filter(({ type }) => terminal.includes(type))).toHaveLength(isOpen(m) ? 0 : 1);
  const reasons = explain(approval, real.policy.document, world).requirements.flatMap(({ excluded }) => excluded);
  for (const name of everybody) {
    const why = reasons.filter((one) => one.name === name).map((one) => one.why);
    agreeOnVoter(m, real, name, why);
  }
  oncePerStage(log);
  const active = isOpen(m) ? [stageOf(m).id] : [];
  expect(approval.stages.filter(({ status }) => status === "ACTIVE").map(({ id }) => id)).toEqual(active);
  votesOnlyInActiveStages(log);
  if (m.decision === "APPROVED" && m.policy.onExpire !== "approve") allWasMet(m);
  const due = dueAt(approval);
  if (isOpen(m)) expect(due).toBeLessThanOrEqual(m.expires);
  if (due !== undefined) {
    expect(tick(approval, real.policy, { ...world, now: due - 1 }).events).toEqual([]);
    expect(tick(approval, real.policy, { ...world, now: due }).events).not.toEqual([]);
  }
}

/** `may_vote`, a vote, Explain and the model say the same of this person. */
function agreeOnVoter(m: Naive, { approval, world, policy: by }: Real, name: string, reasons: readonly string[]): void {
  const expected = may(m, name);
  const person = credentials(m, name);
  const answer = mayVote(approval, by.document, person, world);
  const trial = vote(approval, { voter: person, verdict: "abstain", digest: approval.subject.digest, comment: "a trial" }, by, world);
  if ("no" in expected) {
    expect(answer).toMatchObject({ refusal: expected.no });
    expect(trial).toEqual(answer);
  } else {
    expect(answer).toMatchObject({ voter: { key: `id|${name}` }, requirements: expected.counts });
    expect("refusal" in answer ? [] : answer.standsInFor).toEqual(expected.inPlaceOf.map((from) => `id|${from}`));
    expect(trial).not.toHaveProperty("refusal");
  }
  for (const why of reasons) if (!why.startsWith("voted ")) expect("refusal" in answer && answer.message).toBe(why);
}

/** A reminder, an escalation and the end of a stage happen once each in a revision. */
function oncePerStage(log: readonly ApprovalEvent[]): void {
  let revision = 1;
  const seen = new Set<string>();
  for (const event of log) {
    if (event.type === "revision_added") revision += 1;
    if (event.type !== "reminded" && event.type !== "escalated") continue;
    const what = `${revision} ${event.type} ${event.stage} ${event.action}`;
    expect(seen).not.toContain(what);
    seen.add(what);
  }
}

/** Nobody has voted in a stage before the one before it ended. */
function votesOnlyInActiveStages(log: readonly ApprovalEvent[]): void {
  let active: string | undefined;
  for (const event of log) {
    if (event.type === "stage_started") active = event.stage;
    if (event.type === "stage_completed" || event.type === "revision_added" || event.type === "requester_joined") {
      if (event.type !== "requester_joined") active = undefined;
    }
    if (event.type === "vote_recorded") expect(event.stage).toBe(active);
  }
}

/** Every requirement of every stage has as many approvals of distinct people as it needs, none of a barred one. */
function allWasMet(m: Naive): void {
  for (const [i, { requirements }] of m.policy.stages.entries()) {
    const votes = m.votes.filter(({ stage: of, verdict }) => of === i && verdict === "approve");
    const approvals = votes.filter(
      ({ voter, inPlaceOf }) => m.policy.requesterMayVote || ![voter, ...inPlaceOf].some((name) => m.asked.includes(name) || m.author === name),
    );
    const places = approvals.map(({ counts }) => requirements.flatMap(({ id }, place) => (counts.includes(id) ? [place] : [])));
    const least = requirements.map(({ need }) => (typeof need === "object" && "count" in need ? need.count : 1));
    expect(new Set(approvals.map(({ voter }) => voter)).size).toBe(approvals.length);
    if (m.policy.distinct === "requirement")
      for (const [place, need] of least.entries()) expect(places.filter((of) => of.includes(place)).length).toBeGreaterThanOrEqual(need);
    else expect(canFill(least, places)).toBe(true);
  }
  if (m.policy.distinct !== "request") return;
  const approvers = m.policy.stages.flatMap((_, i) => {
    const approvals = m.votes.filter(({ stage, verdict }) => stage === i && verdict === "approve");
    return [...new Set(approvals.flatMap(({ voter, inPlaceOf }) => [voter, ...inPlaceOf]))];
  });
  expect(new Set(approvers).size).toBe(approvers.length);
}
