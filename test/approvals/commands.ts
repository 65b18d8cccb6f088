/** Random commands, each given to the machine and to the naive model, which must then agree. */
import * as fc from "fast-check";
import { expect } from "vitest";
import { close, join, reassign, refresh, revise, tick, vote, type Answer } from "../../src/approvals/machine.ts";
import type { Verdict } from "../../src/approvals/types.ts";
import { agree, credentials, everybody, worldOf, type Real } from "./agreement.ts";
import { frozen, hour } from "./cases.ts";
import { castVote, joins, passTime, settle, start } from "./naive-course.ts";
import { approvedElsewhere, hasPlace, isBarred, isOpen, may, progressOf, resolve, stageOf, type Naive } from "./naive-model.ts";

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
      if (!isAdmin && m.asked[0] !== name && m.author !== name) return "NOT_OWNER";
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
      if (approvedElsewhere(m, to)) return "ALREADY_COUNTED";
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
      if (!isAdmin && m.asked[0] !== name && m.author !== name) return "NOT_OWNER";
      if (closedNow(m)) return closedNow(m);
      m.decision = "CANCELLED";
      return undefined;
    },
  ),
);

const common = [...Array.from({ length: 9 }, () => votes), moving, standingIn, waiting, reassigning];
export const commands = fc.commands([...common, ...common, ...common, joining, joining, revising, closing], { maxCommands: 14, size: "max" });
