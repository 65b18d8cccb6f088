/** Races for the decision of a request: who takes part, and what may come of it. */
import { ApprovalService, CloseHow, Decision, Verdict, type Approval } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { setTimeout as timer } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { inFlight as parallel } from "./in-flight.ts";
import { CallError, type MusterClient } from "./client.ts";

const { createApproval, vote, revise, close } = ApprovalService.method;

/** Calls as one of the people, at some replica, until it is answered: a replica may be killed at any moment. */
export type CallAs = <T>(name: string, call: (client: MusterClient) => Promise<T>) => Promise<T>;

export const raceGroup = "racers";
const policyOf = (key: string, need: number, ttl: string) =>
  `{key: ${key}, subject: race, ttl: ${ttl}, stages: [{id: s, requirements: [{id: r, who: {groups: [${raceGroup}]}, need: ${need}}]}]}`;
/** By need, and one whose requests end soon; each with the same people. */
export const racePolicies: readonly string[] = [...[1, 2, 5].map((need) => policyOf(`need-${need}`, need, "1h")), policyOf("soon", 1, "5s")];

const final: ReadonlySet<Decision> = new Set([Decision.APPROVED, Decision.REJECTED, Decision.EXPIRED, Decision.CANCELLED]);

export interface Raced {
  readonly kind: string;
  readonly id: string;
  /** The final states that those who took part were answered with. */
  readonly answered: readonly Decision[];
}

type Race = (as: CallAs, n: number) => Promise<Raced>;

async function opened(as: CallAs, policyKey: string, n: number): Promise<Approval> {
  const request = { policyKey, subject: { type: "race", id: `${n}`, digest: "d1" }, commandId: `create-${n}` };
  const { approval } = await as("asker", (client) => client.unary(createApproval, request));
  if (!approval) throw new Error("it is always set");
  return approval;
}

async function votes(as: CallAs, { id }: Approval, n: number, voter: number, verdict: Verdict, digest = "d1"): Promise<Approval | undefined> {
  const item = { approvalId: id, digest, verdict, comment: "c", commandId: `vote-${n}-${digest}` };
  const { results } = await as(`voter${voter}`, (client) => client.unary(vote, { items: [item] }));
  return results[0]?.approval;
}

function answered(approvals: readonly (Approval | undefined)[]): readonly Decision[] {
  return approvals.flatMap((approval) => (approval && final.has(approval.decision) ? [approval.decision] : []));
}

/** The state that a refused command was answered with is that of the request as it is now. */
function unlessRefused(error: unknown): undefined {
  if (error instanceof CallError && ["REQUEST_CLOSED", "SUBJECT_CHANGED"].includes(error.status.reason)) return undefined;
  throw error;
}

export const races: Readonly<Record<string, Race>> = {
  async "two last approvals"(as, n) {
    const request = await opened(as, "need-2", n);
    const ends = await Promise.all([1, 2].map((voter) => votes(as, request, n, voter, Verdict.APPROVE)));
    return { kind: "two last approvals", id: request.id, answered: answered(ends) };
  },
  async "last approval against last rejection"(as, n) {
    const request = await opened(as, "need-1", n);
    const ends = await Promise.all([votes(as, request, n, 1, Verdict.APPROVE), votes(as, request, n, 2, Verdict.REJECT)]);
    return { kind: "last approval against last rejection", id: request.id, answered: answered(ends) };
  },
  async "ten votes"(as, n) {
    const request = await opened(as, "need-5", n);
    const ends = await Promise.all(Array.from({ length: 10 }, (_, voter) => votes(as, request, n, voter, Verdict.APPROVE)));
    return { kind: "ten votes", id: request.id, answered: answered(ends) };
  },
  async "closing against a vote"(as, n) {
    const request = await opened(as, "need-1", n);
    const closing = as("asker", (client) => client.unary(close, { approvalId: request.id, how: CloseHow.WITHDRAW, commandId: `close-${n}` }));
    const [end, closed] = await Promise.all([votes(as, request, n, 1, Verdict.APPROVE), closing.catch(unlessRefused)]);
    return { kind: "closing against a vote", id: request.id, answered: answered([end, closed?.approval]) };
  },
  async "a revision against a vote"(as, n) {
    const request = await opened(as, "need-1", n);
    const revising = as("asker", (client) => client.unary(revise, { approvalId: request.id, digest: "d2", commandId: `revise-${n}` }));
    const [first, revised] = await Promise.all([votes(as, request, n, 1, Verdict.APPROVE), revising.catch(unlessRefused)]);
    // Either the vote was first and decided, or it was on other content, and is given again.
    const end = revised ? await votes(as, request, n, 1, Verdict.APPROVE, "d2") : first;
    return { kind: "a revision against a vote", id: request.id, answered: answered([end]) };
  },
  async "two that ask for the same"(as, n) {
    const request = { policyKey: "need-1", subject: { type: "race", id: `${n}`, digest: "d1" } };
    const asked = await Promise.all(
      ["asker", "other"].map((name) => as(name, (client) => client.unary(createApproval, { ...request, commandId: `create-${n}` }))),
    );
    const ids = new Set(asked.map(({ approval }) => approval?.id));
    const [first] = asked;
    if (ids.size !== 1 || !first?.approval) throw new Error(`race ${n} opened ${ids.size} requests of one subject`);
    return { kind: "two that ask for the same", id: first.approval.id, answered: answered([await votes(as, first.approval, n, 1, Verdict.APPROVE)]) };
  },
};

/** How far from the expiry a vote is sent, in milliseconds: a busy server needs some of them; after a second its task has ended the request. */
const around = { near: 200, late: 1_000 };

/** A vote that arrives in the moment in which the request expires, if it takes as long as the request took; `n` decides how near to it. */
async function againstExpiry(as: CallAs, n: number): Promise<Raced> {
  const begun = Date.now();
  const request = await opened(as, "soon", n);
  const took = Date.now() - begun;
  const spread = n * 7_919;
  const after = n % 2 === 0 ? (spread % (2 * around.near)) - around.near : spread % around.late;
  const at = (request.expiresAt ? timestampMs(request.expiresAt) : 0) - took + after;
  // It aims at a moment: nothing is waited for.
  await timer(Math.max(0, at - Date.now()));
  const end = await votes(as, request, n, 1, Verdict.APPROVE);
  return { kind: "a vote against expiry", id: request.id, answered: answered([end]) };
}

/** Races beside which one of twenty more is against the expiry, which has to be waited for: many of those at a time. */
const expiries = { every: 20, inFlight: 64 };

/** Runs `count` races, of each kind in turn, `inFlight` at a time, and beside them those against the expiry. */
export async function runRaces(as: CallAs, count: number, inFlight: number, onRace: (n: number) => void = () => undefined): Promise<readonly Raced[]> {
  const kinds = Object.values(races);
  const numbers = Array.from({ length: count }, (_, n) => n);
  const late = Array.from({ length: Math.ceil(count / expiries.every) }, (_, n) => count + n);
  const [raced, expired] = await Promise.all([
    parallel(numbers, inFlight, async (n) => {
      const done = await (kinds[n % kinds.length] as Race)(as, n);
      onRace(n);
      return done;
    }),
    parallel(late, expiries.inFlight, (n) => againstExpiry(as, n)),
  ]);
  return [...raced, ...expired];
}
