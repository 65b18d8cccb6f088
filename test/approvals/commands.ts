/** Random commands, each given to the machine and to the naive model, which must then agree. */
import * as fc from "fast-check";
import { expect } from "vitest";
import { close, join, reassign, refresh, reportEffect, revise, tick, vote, type Answer } from "../../src/approvals/machine.ts";
import { supersede } from "../../src/approvals/settle.ts";
import type { Verdict } from "../../src/approvals/types.ts";
import { agree, byAlias, credentials, everybody, realPolicy, worldOf, type Real } from "./agreement.ts";
import { frozen, hour } from "./cases.ts";
import { castVote, isUnderway, joins, passTime, settle, start } from "./naive-course.ts";
import { approvedElsewhere, hasPlace, isBarred, isOpen, isOwner, may, progressOf, resolve, stageOf, type Naive } from "./naive-model.ts";

/**
 * A command: what it does to the machine, and to the model when the machine carried it out; the model says whether it must. It is left
 * out where `isApt` says so.
 */
function step(
  text: string,
  toReal: (real: Real, m: Naive) => Answer,
  toModel: (m: Naive) => string | undefined,
  isApt: (m: Readonly<Naive>) => boolean = () => true,
): fc.Command<Naive, Real> {
  return {
    check: isApt,
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

const idOf = (m: Naive, stage: number) => m.policy.stages[stage]?.id;
const isEqual = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((one) => b.includes(one));

/** The value once in `n` times or so, else undefined. */
function rarely<T>(value: fc.Arbitrary<T>, n: number): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: n, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
}

const someone = fc.constantFrom(...everybody);
const verdict = fc.constantFrom<Verdict>(...Array.from({ length: 12 }, () => "approve" as const), "reject", "abstain", "request_changes");

const barring = ["PERSON_DISABLED", "SOD_REQUESTER", "SOD_AUTHOR", "SOD_STAND_IN"];

const cast = fc.record({
  name: someone,
  verdict,
  isOld: fc.boolean(),
  only: rarely(fc.nat(1), 2),
  stage: rarely(fc.constantFrom("one", "two"), 3),
  isLate: rarely(fc.constant(true), 9),
  isRepeated: fc.boolean(),
});

const votes = cast.map(({ name, verdict: how, isOld, only, stage, isLate = false, isRepeated }) => {
  const requirementOf = (m: Naive) => (only === undefined || !isOpen(m) ? undefined : stageOf(m).requirements[only]?.id);
  let comment = "same";
  return step(
    `${name} votes ${how}${only === undefined ? "" : ` for requirement ${only}`}${stage === undefined ? "" : ` in ${stage}`}${isLate ? " on other content" : ""}`,
    ({ approval, world, policy: by }, m) => {
      if (!isRepeated) comment = `at ${approval.sequence}`;
      const one = requirementOf(m);
      const command = { voter: byAlias(m, name, isOld), verdict: how, digest: isLate ? "other" : approval.subject.digest, comment };
      return vote(approval, { ...command, ...(one === undefined ? {} : { requirement: one }), ...(stage === undefined ? {} : { stage }) }, by, world);
    },
    (m) => {
      const one = requirementOf(m);
      const answer = may(m, name);
      const isStale = closedNow(m) === undefined && stage !== undefined && stage !== stageOf(m).id;
      if ("no" in answer || isStale) {
        const last = m.votes.findLast((vote) => vote.voter === name && (stage ?? idOf(m, vote.stage)) === idOf(m, vote.stage));
        const isSame = last?.verdict === how && last.comment === comment && (one === undefined || isEqual(last.counts, [one])) && !isLate;
        if (isSame && !("no" in answer && barring.includes(answer.no))) return undefined;
        return "no" in answer && !isStale ? answer.no : "STAGE_NOT_ACTIVE";
      }
      if (isLate) return "SUBJECT_CHANGED";
      const counts = answer.counts.filter((id) => one === undefined || id === one);
      if (counts.length === 0) return "NOT_ELIGIBLE";
      const former = m.votes.find((vote) => vote.stage === m.at && vote.voter === name);
      if (former?.verdict === how && former.comment === comment && isEqual(former.counts, counts)) return undefined;
      castVote(m, { voter: name, verdict: how, comment, counts, inPlaceOf: answer.inPlaceOf });
      return undefined;
    },
  );
});

const joining = fc.record({ name: someone, behalf: rarely(someone, 2) }).map(({ name, behalf }) =>
  step(
    `${name} asks too${behalf === undefined ? "" : ` for ${behalf}`}`,
    ({ approval, world, policy: by }, m) => join(approval, credentials(m, name), by, world, behalf === undefined ? undefined : credentials(m, behalf)),
    (m) => {
      if (closedNow(m)) return closedNow(m);
      const others = [...new Set([name, behalf ?? name])].filter((one) => !m.asked.includes(one));
      if (others.length > 0) joins(m, others);
      return undefined;
    },
  ),
);

const revising = fc.record({ name: someone, isAdmin: fc.boolean(), isSwitched: fc.boolean() }).map(({ name, isAdmin, isSwitched }) =>
  step(
    `${name} revises${isAdmin ? " as admin" : ""}${isSwitched ? ", under the other policy" : ""}`,
    (real, m) => {
      const by = isSwitched ? realPolicy(m.next) : real.policy;
      const answer = revise(real.approval, { author: credentials(m, name), isAdmin, digest: `d${(real.revisions += 1)}`, context: {} }, by, real.world);
      if (!("refusal" in answer)) real.policy = by;
      return answer;
    },
    (m) => {
      if (closedNow(m)) return closedNow(m);
      if (!isAdmin && !isOwner(m, name)) return "NOT_OWNER";
      m.author = name;
      if (isSwitched) [m.full, m.next] = [m.next, m.full];
      start(m, m.full);
      return undefined;
    },
  ),
);

const moves = fc.record({ from: someone, to: someone, by: rarely(someone, 2), isAdmin: fc.boolean(), isOld: fc.boolean(), only: rarely(fc.nat(1), 3) });

const reassigning = moves.map(({ from, to, by: other, isAdmin, isOld, only }) => {
  const requirementOf = (m: Naive) => (only === undefined || !isOpen(m) ? undefined : stageOf(m).requirements[only]?.id);
  const mover = other ?? from;
  return step(
    `${mover} gives the place of ${from}${only === undefined ? "" : ` in requirement ${only}`} to ${to}${isAdmin ? " as admin" : ""}`,
    ({ approval, world, policy: by }, m) => {
      const one = requirementOf(m);
      const command = { by: credentials(m, mover), isAdmin, from: byAlias(m, from, isOld), to: byAlias(m, to, isOld), reason: "away" };
      return reassign(approval, one === undefined ? command : { ...command, requirement: one }, by, world);
    },
    (m) => {
      if (closedNow(m)) return closedNow(m);
      if (!isAdmin && mover !== from) return "NOT_OWNER";
      const one = requirementOf(m);
      const places = stageOf(m).requirements.filter((each) => (one ?? each.id) === each.id && hasPlace(m, each, from));
      if (places.length === 0) return "NOT_ELIGIBLE";
      if (m.votes.some((each) => each.stage === m.at && (each.voter === from || each.inPlaceOf.includes(from)))) return "ALREADY_COUNTED";
      if (isBarred(m, to)) return "SOD_REQUESTER";
      if (m.isKnown && m.people[to]?.enabled === false) return "PERSON_DISABLED";
      if (approvedElsewhere(m, to)) return "ALREADY_COUNTED";
      const progress = progressOf(m);
      for (const { id } of places) {
        progress.added = [...progress.added, { requirement: id, who: { users: [to], groups: [], roles: [] } }];
        progress.gone = [...progress.gone, { requirement: id, name: from }].filter((each) => each.requirement !== id || each.name !== to);
      }
      resolve(m);
      settle(m);
      return undefined;
    },
  );
});

/** The directory or the stand-ins change, and the request is refreshed. */
function changing(text: string, change: (m: Naive) => void): fc.Command<Naive, Real> {
  return step(
    text,
    ({ approval, policy: by }, m) => {
      change(m);
      return refresh(approval, by, worldOf(m));
    },
    (m) => {
      if (closedNow(m) || !m.isKnown) return undefined;
      resolve(m);
      settle(m);
      return undefined;
    },
  );
}

const reading = fc.boolean().map((isKnown) =>
  changing(`the directory ${isKnown ? "is there" : "cannot be read"}`, (m) => {
    m.isKnown = isKnown;
  }),
);

const held = fc.record({ groups: fc.subarray(["g0", "g1", "g2"], { minLength: 1 }), roles: fc.subarray(["r0", "r1"]), enabled: fc.boolean() });

const moving = fc.record({ name: someone, now: held }).map(({ name, now }) =>
  changing(`${name} is ${now.enabled ? "enabled" : "disabled"} in ${[...now.groups, ...now.roles].join("+")}`, (m) => {
    m.people = { ...m.people, [name]: now };
  }),
);

const standingIn = fc.record({ from: someone, to: someone }).map(({ from, to }) =>
  changing(`${to} stands in for ${from}, or no longer`, (m) => {
    const isThere = m.standIns.some((one) => one.from === from && one.to === to);
    m.standIns = isThere ? m.standIns.filter((one) => one.from !== from || one.to !== to) : from === to ? m.standIns : [...m.standIns, { from, to }];
  }),
);

const passing = (hours: number) =>
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
  );

const waiting = fc.integer({ min: 1, max: 30 }).map(passing);

const hows = fc.constantFrom("withdrawn", "withdrawn", "cancelled", "superseded", "subject_gone", "revoke", "revoke", "revoke");

const closing = fc.record({ name: someone, isAdmin: fc.boolean(), how: hows }).map(({ name, isAdmin, how }) =>
  step(
    `${name} closes${isAdmin ? " as admin" : ""}: ${how}`,
    ({ approval, world, policy: by }, m) => close(approval, { by: credentials(m, name), isAdmin, how, reason: "no longer" }, by, world),
    (m) => {
      if (!isAdmin && !(isOwner(m, name) && (how === "withdrawn" || how === "revoke"))) return "NOT_OWNER";
      if (how === "revoke") {
        if (m.grant !== "VALID" || isUnderway(m)) return "WRONG_STATE";
        m.grant = "REVOKED";
        return undefined;
      }
      if (closedNow(m)) return closedNow(m);
      m.decision = "CANCELLED";
      return undefined;
    },
  ),
);

const isApproved = ({ decision }: Readonly<Naive>) => decision === "APPROVED";

const follows: Readonly<Record<string, readonly string[]>> = {
  NONE: ["READY"],
  READY: ["RUNNING"],
  RUNNING: ["APPLIED", "FAILED", "UNKNOWN"],
  UNKNOWN: ["APPLIED", "FAILED"],
  FAILED: ["READY"],
};

const reporting = fc.constantFrom("READY", "RUNNING", "RUNNING", "APPLIED", "FAILED", "UNKNOWN").map((effect) =>
  step(
    `the effect is ${effect}`,
    ({ approval, world, policy: by }) => reportEffect(approval, { effect, by: "worker", detail: "" }, by, world),
    (m) => {
      const isTooLate = effect === "RUNNING" && m.now >= m.grantUntil;
      if (m.decision !== "APPROVED" || m.grant !== "VALID" || follows[m.effect]?.includes(effect) !== true || isTooLate) return "WRONG_STATE";
      m.effect = effect;
      if (effect === "APPLIED") m.grant = "USED";
      return undefined;
    },
    isApproved,
  ),
);

const superseding = fc.constant(
  step(
    "another request grants the same",
    ({ approval, world, policy: by }) => supersede(approval, "r2", by, world),
    (m) => {
      if (m.grant === "VALID") m.grant = "SUPERSEDED";
      return undefined;
    },
    isApproved,
  ),
);

const common = [...Array.from({ length: 9 }, () => votes), moving, standingIn, waiting, reassigning];
const rare = [joining, joining, revising, closing, closing, reporting, reporting, reporting, reading, superseding];
export const commands = fc.commands([...common, ...common, ...common, ...rare], { maxCommands: 16, size: "max" });

/** What becomes of a grant, of a request that the end of its time has approved. */
export const expiring = passing(100);
export const grantCommands = fc.commands([waiting, closing, superseding, joining, ...Array.from({ length: 6 }, () => reporting)], {
  maxCommands: 10,
  size: "max",
});
