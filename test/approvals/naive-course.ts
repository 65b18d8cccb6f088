/** What the naive model does: what commands and time make of a request. */
import {
  countedVotes,
  isOpen,
  outcomeOf,
  progressOf,
  resolve,
  stageOf,
  type Naive,
  type NaivePolicy,
  type NaiveStage,
  type NaiveVote,
  type Named,
} from "./naive-model.ts";

function begin(m: Naive, stage: number): void {
  m.at = stage;
  progressOf(m).since = m.now;
  resolve(m);
}

function approve(m: Naive): void {
  const { auto, grantTtl } = m.policy.effect;
  m.decision = "APPROVED";
  m.grant = "VALID";
  m.grantUntil = m.isStanding || grantTtl === undefined ? Number.POSITIVE_INFINITY : m.now + grantTtl;
  m.effect = m.isStanding ? "APPLIED" : auto ? "READY" : "NONE";
}

/** Everything that follows by itself. */
export function settle(m: Naive): void {
  while (isOpen(m)) {
    const outcome = outcomeOf(m);
    const { onUnsatisfiable } = m.policy;
    if (outcome === "rejected") m.decision = "REJECTED";
    else if (outcome === "met") {
      if (m.at === m.policy.stages.length - 1) approve(m);
      else begin(m, m.at + 1);
    } else {
      const progress = progressOf(m);
      if (outcome === "impossible" && !progress.saidUnsatisfiable && (m.isKnown || !progress.escalated)) {
        progress.saidUnsatisfiable = true;
        m.saidNow = true;
        if (onUnsatisfiable === "reject") m.decision = "REJECTED";
        else if (onUnsatisfiable === "expire") return;
        else if (progress.escalated) m.decision = "CANCELLED";
        else {
          progress.escalated = true;
          progress.saidUnsatisfiable = false;
          escalate(m, onUnsatisfiable.escalate);
        }
        continue;
      }
      if (countedVotes(m).some(({ verdict }) => verdict === "request_changes")) m.decision = "CHANGES_REQUESTED";
      else if (m.decision === "CHANGES_REQUESTED") m.decision = "IN_REVIEW";
      return;
    }
  }
}

function escalate(m: Naive, to: Named): void {
  const progress = progressOf(m);
  progress.added = [...progress.added, ...stageOf(m).requirements.map(({ id }) => ({ requirement: id, who: to }))];
  resolve(m);
}

/** A new request, or a new revision. */
export function start(m: Naive, policy: NaivePolicy): void {
  m.policy = { ...policy, stages: policy.stages.flatMap((stage) => applicable(stage)) };
  m.decision = "IN_REVIEW";
  m.expires = m.now + m.policy.ttl;
  m.votes = [];
  m.stages = m.policy.stages.map(() => ({ since: 0, done: [], added: [], gone: [], heads: undefined, saidUnsatisfiable: false, escalated: false }));
  if (m.policy.stages.length === 0) {
    m.decision = "REJECTED";
    return;
  }
  begin(m, 0);
  settle(m);
}

/** What fails applies. */
function applicable(stage: NaiveStage): readonly NaiveStage[] {
  const requirements = stage.when === "no" ? [] : stage.requirements.filter(({ when }) => when !== "no");
  return requirements.length === 0 ? [] : [{ ...stage, requirements }];
}

export function castVote(m: Naive, cast: Omit<NaiveVote, "stage">): void {
  const { voter, inPlaceOf } = cast;
  const isReplaced = (one: NaiveVote) =>
    one.stage === m.at && (one.voter === voter || (inPlaceOf.length === 0 && one.inPlaceOf.length > 0 && one.inPlaceOf.every((from) => from === voter)));
  resolve(m);
  m.votes = [...m.votes.filter((one) => !isReplaced(one)), { stage: m.at, ...cast }];
  settle(m);
}

/** Somebody asks too, or is asked for. A stage that they helped to complete starts again. */
export function joins(m: Naive, names: readonly string[]): void {
  m.asked = [...m.asked, ...names];
  const isTheirs = ({ voter, inPlaceOf }: NaiveVote) => [voter, ...inPlaceOf].some((name) => names.includes(name));
  const spoilt = m.policy.requesterMayVote ? [] : m.votes.filter((vote) => vote.stage < m.at && isTheirs(vote));
  const first = Math.min(...spoilt.map(({ stage }) => stage));
  if (Number.isFinite(first)) begin(m, first);
  else resolve(m);
  settle(m);
}

/** What is due at `m.now`. */
export function passTime(m: Naive): void {
  if (!isOpen(m)) {
    if (m.grant === "VALID" && !isUnderway(m) && m.now >= m.grantUntil) m.grant = "EXPIRED";
    return;
  }
  actInTime(m);
  if (!isOpen(m) || m.now < m.expires) return;
  if (m.policy.onExpire === "approve") approve(m);
  else m.decision = m.policy.onExpire === "reject" ? "REJECTED" : "EXPIRED";
}

export const isUnderway = ({ effect }: Pick<Naive, "effect">) => effect === "RUNNING" || effect === "UNKNOWN";

function actInTime(m: Naive): void {
  for (let isMore = true; isMore && isOpen(m);) {
    const progress = progressOf(m);
    const due = stageOf(m)
      .after.map((action, i) => ({ action, i }))
      .filter(({ action, i }) => !progress.done.includes(i) && progress.since + action.in <= m.now && progress.since + action.in < m.expires)
      .toSorted((a, b) => a.action.in - b.action.in || a.i - b.i)[0];
    isMore = due !== undefined;
    if (!due) return;
    progress.done = [...progress.done, due.i];
    if (due.action.do === "reject") m.decision = "REJECTED";
    if (due.action.do !== "escalate") continue;
    escalate(m, due.action.to);
    settle(m);
  }
}
