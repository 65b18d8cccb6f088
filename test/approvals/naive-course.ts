/** What the naive model does: what commands and time make of a request. */
import { isBarredItself, isOpen, outcomeOf, progressOf, resolve, stageOf, type Naive, type NaiveVote, type Named } from "./naive-model.ts";

function begin(m: Naive, stage: number): void {
  m.at = stage;
  progressOf(m).since = m.now;
  resolve(m);
}

/** Everything that follows by itself. */
export function settle(m: Naive): void {
  while (isOpen(m)) {
    const outcome = outcomeOf(m);
    const { onUnsatisfiable } = m.policy;
    if (outcome === "rejected") m.decision = "REJECTED";
    else if (outcome === "met") {
      if (m.at === m.policy.stages.length - 1) m.decision = "APPROVED";
      else begin(m, m.at + 1);
    } else {
      const progress = progressOf(m);
      if (outcome === "impossible" && !progress.saidUnsatisfiable) {
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
      m.decision = m.votes.some(({ stage, verdict, voter }) => stage === m.at && verdict === "request_changes" && !isBarredItself(m, voter))
        ? "CHANGES_REQUESTED"
        : "IN_REVIEW";
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
export function start(m: Naive): void {
  m.decision = "IN_REVIEW";
  m.expires = m.now + m.policy.ttl;
  m.votes = [];
  m.stages = m.policy.stages.map(() => ({ since: 0, done: [], added: [], gone: [], heads: {}, saidUnsatisfiable: false, escalated: false }));
  begin(m, 0);
  settle(m);
}

export function castVote(m: Naive, voter: string, verdict: string, counts: readonly string[], inPlaceOf: readonly string[]): void {
  const isReplaced = (one: NaiveVote) =>
    one.stage === m.at && (one.voter === voter || (inPlaceOf.length === 0 && one.inPlaceOf.length > 0 && one.inPlaceOf.every((from) => from === voter)));
  resolve(m);
  m.votes = [...m.votes.filter((one) => !isReplaced(one)), { stage: m.at, voter, verdict, counts, inPlaceOf }];
  settle(m);
}

/** Somebody asks too. A stage that he helped to complete starts again. */
export function joins(m: Naive, name: string): void {
  m.asked = [...m.asked, name];
  const spoilt = m.policy.requesterMayVote ? [] : m.votes.filter(({ voter, inPlaceOf, stage }) => stage < m.at && (voter === name || inPlaceOf.includes(name)));
  const first = Math.min(...spoilt.map(({ stage }) => stage));
  if (Number.isFinite(first)) begin(m, first);
  else resolve(m);
  settle(m);
}

/** What is due at `m.now`. */
export function passTime(m: Naive): void {
  if (!isOpen(m)) return;
  actInTime(m);
  if (isOpen(m) && m.now >= m.expires) m.decision = { expire: "EXPIRED", reject: "REJECTED", approve: "APPROVED" }[m.policy.onExpire];
}

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
