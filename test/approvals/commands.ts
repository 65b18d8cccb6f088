/** Random commands, each given to the machine and to the naive model, which must then agree. */
import fc from "fast-check";
import { expect } from "vitest";
import { explain } from "../../src/approvals/explain.ts";
import { fold } from "../../src/approvals/evolve.ts";
import { close, dueAt, join, open, reassign, refresh, revise, tick, vote, type Answer } from "../../src/approvals/machine.ts";
import { mayVote } from "../../src/approvals/may-vote.ts";
import type { World } from "../../src/approvals/people.ts";
import type { Approval, ApprovalEvent } from "../../src/approvals/request.ts";
import type { Person, Policy, Verdict } from "../../src/approvals/types.ts";
import { frozen, hour, policy, requirement, stage, t0, who } from "./cases.ts";
import {
  canFill,
  castVote,
  hasPlace,
  isBarred,
  isOpen,
  joins,
  may,
  passTime,
  progressOf,
  resolve,
  settle,
  stageOf,
  start,
  type Naive,
  type NaivePerson,
  type NaivePolicy,
  type Named,
} from "./naive-model.ts";

export const everybody = ["ada", "bob", "cy", "dee", "eve", "fay"] as const;

export interface Setup {
  readonly policy: NaivePolicy;
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

const named = ({ users, groups }: Named) => who(...users.map((name) => `id|${name}`), ...groups.map((group) => `group:${group}`));

function realPolicy(naive: NaivePolicy): Policy {
  return policy({
    stages: naive.stages.map(({ id, requirements, after }) =>
      stage(
        id,
        requirements.map(({ who: people, ...rest }) => requirement(rest.id, { ...rest, who: named(people) })),
        {
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
  });
}

/** As credentials have the person, under one of two keys. */
function credentials({ people }: Naive, name: string, key = `id|${name}`): Person {
  return { key, name, groups: people[name]?.groups ?? [], roles: [] };
}

function worldOf(m: Naive): World {
  const members = Object.entries(m.people).map(([name, { groups, enabled }]) => ({
    key: `id|${name}`,
    name,
    groups,
    roles: [],
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
  return frozen({ now: m.now, directory: { version: 1, members }, standIns });
}

export function begin({ policy: naive, people, requester, standIns }: Setup): { model: Naive; real: Real } {
  const model: Naive = {
    policy: naive,
    people,
    standIns,
    asked: [requester],
    author: requester,
    now: t0,
    expires: 0,
    decision: "",
    votes: [],
    at: 0,
    stages: [],
    saidNow: false,
  };
  start(model);
  const by = realPolicy(naive);
  frozen(by.document);
  const world = worldOf(model);
  const subject = { type: "release", id: "shop@1", digest: "d1" };
  const { approval, events } = open({ id: "r1", tenant: "default", subject, context: {}, requester: credentials(model, requester) }, by, world);
  const real: Real = { approval: frozen(approval), events, world, policy: by, revisions: 1 };
  agree(model, real, events);
  return { model, real };
}

const terminal = ["request_approved", "request_rejected", "request_expired", "request_cancelled"];

/** What is true after every step. */
function agree(m: Naive, real: Real, events: readonly ApprovalEvent[]): void {
  const { approval, world } = real;
  expect(approval.decision).toBe(m.decision);
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
  const approvers = m.votes.filter(({ verdict }) => verdict === "approve").map(({ voter }) => voter);
  expect(new Set(approvers).size).toBe(approvers.length);
}

/** A command: what it does to the machine, and to the model when the machine carried it out; the model says whether it must. */
function step(text: string, toReal: (real: Real, m: Naive) => Answer, toModel: (m: Naive) => string | undefined): fc.Command<Naive, Real> {
  return {
    check: () => true,
    run(m, real) {
      m.saidNow = false;
      real.world = worldOf(m);
      const answer = toReal(real, m);
      const refusal = toModel(m);
      if (refusal !== undefined) expect(answer).toMatchObject({ refusal });
      else if ("refusal" in answer) expect.fail(`${text} was refused: ${answer.message}`);
      else {
        real.approval = frozen(answer.approval);
        real.events = [...real.events, ...answer.events];
      }
      real.world = worldOf(m);
      agree(m, real, "refusal" in answer ? [] : answer.events);
    },
    toString: () => text,
  };
}

const closedNow = (m: Naive) => (isOpen(m) && m.now < m.expires ? undefined : "REQUEST_CLOSED");

const someone = fc.constantFrom(...everybody);
const verdict = fc.constantFrom<Verdict>(...Array.from({ length: 12 }, () => "approve" as const), "reject", "abstain", "request_changes");

const votes = fc.record({ name: someone, verdict, isOld: fc.boolean(), only: fc.option(fc.nat(1), { freq: 1 }) }).map(({ name, verdict: how, isOld, only }) => {
  const requirementOf = (m: Naive) => (only === null || !isOpen(m) ? undefined : stageOf(m).requirements[only]?.id);
  return step(
    `${name} votes ${how}${only === null ? "" : ` for requirement ${only}`}`,
    ({ approval, world, policy: by }, m) => {
      const one = requirementOf(m);
      const command = {
        voter: credentials(m, name, isOld ? `old|${name}` : undefined),
        verdict: how,
        digest: approval.subject.digest,
        comment: `at ${approval.sequence}`,
      };
      return vote(approval, one === undefined ? command : { ...command, requirement: one }, by, world);
    },
    (m) => {
      const answer = may(m, name);
      if ("no" in answer) return answer.no;
      const one = requirementOf(m);
      const counts = answer.counts.filter((id) => one === undefined || id === one);
      if (counts.length === 0) return "NOT_ELIGIBLE";
      castVote(m, name, how, counts, answer.inPlaceOf);
      return undefined;
    },
  );
});

const joining = someone.map((name) =>
  step(
    `${name} asks too`,
    ({ approval, world, policy: by }, m) => join(approval, credentials(m, name), by, world),
    (m) => {
      if (closedNow(m)) return closedNow(m);
      if (!m.asked.includes(name)) joins(m, name);
      return undefined;
    },
  ),
);

const revising = fc.record({ name: someone, isAdmin: fc.boolean() }).map(({ name, isAdmin }) =>
  step(
    `${name} revises${isAdmin ? " as admin" : ""}`,
    (real, m) => revise(real.approval, { author: credentials(m, name), isAdmin, digest: `d${(real.revisions += 1)}`, context: {} }, real.policy, real.world),
    (m) => {
      if (closedNow(m)) return closedNow(m);
      if (!isAdmin && !m.asked.includes(name) && m.author !== name) return "NOT_OWNER";
      m.author = name;
      start(m);
      return undefined;
    },
  ),
);

const reassigning = fc.record({ from: someone, to: someone }).map(({ from, to }) =>
  step(
    `${from} gives the place to ${to}`,
    ({ approval, world, policy: by }, m) =>
      reassign(approval, { by: credentials(m, from), isAdmin: false, from: credentials(m, from), to: credentials(m, to), reason: "away" }, by, world),
    (m) => {
      if (closedNow(m)) return closedNow(m);
      const places = stageOf(m).requirements.filter((one) => hasPlace(m, one, from));
      if (places.length === 0) return "NOT_ELIGIBLE";
      if (m.votes.some((one) => one.stage === m.at && (one.voter === from || one.inPlaceOf.includes(from)))) return "ALREADY_COUNTED";
      if (isBarred(m, to)) return "SOD_REQUESTER";
      if (m.people[to]?.enabled === false) return "PERSON_DISABLED";
      const progress = progressOf(m);
      for (const { id } of places) {
        progress.added = [...progress.added, { requirement: id, who: { users: [to], groups: [] } }];
        progress.gone = [...progress.gone, { requirement: id, name: from }].filter((one) => one.requirement !== id || one.name !== to);
      }
      resolve(m);
      settle(m);
      return undefined;
    },
  ),
);

/** The directory or the stand-ins change, and the request is refreshed. */
function changing(text: string, change: (m: Naive) => void): fc.Command<Naive, Real> {
  return step(
    text,
    ({ approval, policy: by }, m) => {
      change(m);
      return refresh(approval, by, worldOf(m));
    },
    (m) => {
      if (!isOpen(m)) return undefined;
      resolve(m);
      settle(m);
      return undefined;
    },
  );
}

const moving = fc.record({ name: someone, groups: fc.subarray(["g0", "g1", "g2"], { minLength: 1 }), enabled: fc.boolean() }).map(({ name, groups, enabled }) =>
  changing(`${name} is ${enabled ? "enabled" : "disabled"} in ${groups.join("+")}`, (m) => {
    m.people = { ...m.people, [name]: { groups, enabled } };
  }),
);

const standingIn = fc.record({ from: someone, to: someone }).map(({ from, to }) =>
  changing(`${to} stands in for ${from}, or no longer`, (m) => {
    const isThere = m.standIns.some((one) => one.from === from && one.to === to);
    m.standIns = isThere ? m.standIns.filter((one) => one.from !== from || one.to !== to) : from === to ? m.standIns : [...m.standIns, { from, to }];
  }),
);

const waiting = fc.integer({ min: 1, max: 30 }).map((hours) =>
  step(
    `${hours} hours pass`,
    ({ approval, policy: by }, m) => {
      m.now += hours * hour;
      return tick(approval, by, worldOf(m));
    },
    (m) => {
      passTime(m);
      return undefined;
    },
  ),
);

const closing = fc.record({ name: someone, isAdmin: fc.boolean() }).map(({ name, isAdmin }) =>
  step(
    `${name} closes${isAdmin ? " as admin" : ""}`,
    ({ approval, world, policy: by }, m) => close(approval, { by: credentials(m, name), isAdmin, how: "withdrawn", reason: "no longer" }, by, world),
    (m) => {
      if (!isAdmin && !m.asked.includes(name) && m.author !== name) return "NOT_OWNER";
      if (closedNow(m)) return closedNow(m);
      m.decision = "CANCELLED";
      return undefined;
    },
  ),
);

const common = [...Array.from({ length: 9 }, () => votes), moving, standingIn, waiting, reassigning];
export const commands = fc.commands([...common, ...common, ...common, joining, joining, revising, closing], { maxCommands: 14, size: "max" });
