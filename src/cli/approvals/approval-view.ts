/** Text forms of requests for approval; pure. */
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import {
  Closing,
  Decision,
  Effect,
  Grant,
  StageStatus,
  Verdict,
  type Approval,
  type ApprovalExplanation,
  type ApprovalStage,
  type ApprovalVote,
} from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { Reason } from "../../../gen/muster/approval/v1/reasons_pb.ts";
import { nameOf as subjectOf } from "../../kernel/caller.ts";
import { printable } from "../../kernel/log.ts";
import { nameOf } from "../frame/names.ts";
import type { Style } from "../frame/style.ts";
import { pairs, table, type Cell } from "../frame/table.ts";
import { age, left } from "../frame/times.ts";
import { beside } from "../frame/wrapped.ts";
import type { SubjectView } from "../frame/subject-view.ts";

/** The options' spelling of a value of an enum: `changes-requested`. */
export function wordOf(values: Readonly<Record<string, number>>, value: number): string {
  return nameOf(values, value).toLowerCase().replaceAll("_", "-");
}

export function isOpen({ decision }: Pick<Approval, "decision">): boolean {
  return decision === Decision.PENDING || decision === Decision.IN_REVIEW || decision === Decision.CHANGES_REQUESTED;
}

/** `approved`, `cancelled (withdrawn)` */
export function stateText({ decision, closing }: Pick<Approval, "decision" | "closing">): string {
  const state = wordOf(Decision, decision);
  return closing === Closing.UNSPECIFIED ? state : `${state} (${wordOf(Closing, closing)})`;
}

export function statePaint({ decision }: Pick<Approval, "decision">, style: Style): (text: string) => string {
  if (decision === Decision.APPROVED) return style.good;
  if (decision === Decision.REJECTED) return style.bad;
  return isOpen({ decision }) ? style.warn : style.dim;
}

/** What an open request waits for: `team: one 0/1`, `team: changes` where nothing else is missing; empty for others. */
export function waitsFor(approval: Approval): string {
  const stage = isOpen(approval) ? approval.stages.find(({ status }) => status === StageStatus.ACTIVE) : undefined;
  if (!stage) return "";
  const missing = stage.requirements.filter(({ met }) => !met).map(({ id, have, needed }) => `${id} ${have}/${needed === 0 ? "?" : needed}`);
  return `${stage.id}: ${missing.length === 0 ? "changes" : missing.join(", ")}`;
}

/** In the order given. `columns`: the width of the terminal. */
export function approvalTable(approvals: readonly Approval[], nowMs: number, style: Style, columns?: number): string {
  return table({
    heads: ["REQUEST", "STATE", "POLICY", "SUBJECT", "BY", "AGE", "LEFT", "WAITS FOR"],
    rows: approvals.map((approval): readonly Cell[] => {
      const { id, decision, policyKey, subject, requesters, openedAt, expiresAt } = approval;
      return [
        id,
        { text: wordOf(Decision, decision), paint: statePaint(approval, style) },
        policyKey,
        `${subject?.type ?? ""}/${subject?.id ?? ""}`,
        requesters[0]?.name ?? "",
        age(openedAt && timestampMs(openedAt), nowMs),
        isOpen(approval) && expiresAt ? left(timestampMs(expiresAt), nowMs) : "",
        waitsFor(approval),
      ];
    }),
    bold: style.bold,
    narrow: { drop: ["BY", "POLICY", "LEFT", "AGE", "WAITS FOR"], shorten: "SUBJECT" },
    ...(columns === undefined ? {} : { columns }),
  });
}

export interface DetailOptions {
  /** The width of the terminal. */
  readonly columns?: number | undefined;
  /** What is known of the subject; its context as it is without. */
  readonly view?: SubjectView | undefined;
}

export function approvalDetails(approval: Approval, nowMs: number, style: Style, { columns, view }: DetailOptions = {}): string {
  const { id, subject, policyKey, policyVersion, newerPolicyVersion, revision, requesters, onBehalfOf, author, votes, contextJson } = approval;
  const head = pairs(
    [
      ["Request", id],
      ["State", { text: stateText(approval), paint: statePaint(approval, style) }],
      ["Policy", `${policyKey} version ${policyVersion}${newerPolicyVersion === 0 ? "" : ` (${newerPolicyVersion} is active now)`}`],
      ["Subject", `${subject?.type ?? ""}/${subject?.id ?? ""}`],
      ["Digest", subject?.digest ?? ""],
      ["Revision", `${revision} by ${author?.name ?? ""}`],
      ["Asked by", requesters.map(({ name }) => name).join(", ")],
      ["For", onBehalfOf?.name ?? ""],
      ["Opened", timeText(approval.openedAt, nowMs)],
      ["Expires", isOpen(approval) ? timeText(approval.expiresAt, nowMs) : ""],
      ["Decided", isOpen(approval) ? "" : decidedText(approval, nowMs)],
      ["Grant", grantText(approval, nowMs)],
      ["Effect", approval.effect === Effect.UNSPECIFIED ? "" : wordOf(Effect, approval.effect)],
      ...(view?.facts ?? [["Context", contextJson === "{}" ? "" : contextJson] as const]),
      ["You", voteText(approval, style)],
    ],
    style.dim,
    columns,
  );
  const stages = approval.stages.map((stage) => stageLines(stage, style, columns)).join("");
  const cast = votes.map((vote) => voteLine(vote, approval, nowMs, columns)).join("");
  return [head, view?.below ?? "", stages, cast].filter((part) => part !== "").join("\n");
}

function decidedText(approval: Approval, nowMs: number): string {
  const { decidedBy, decidedAt, decisionReason } = approval;
  return `${timeText(decidedAt, nowMs)} by ${nameIn(approval, decidedBy)}${decisionReason === "" ? "" : `: ${decisionReason}`}`;
}

/** The name of whoever has this key, as far as the request says; else the key without its issuer. */
function nameIn({ votes, requesters, author, onBehalfOf }: Approval, key: string): string {
  const people = [...votes.map(({ voter }) => voter), ...requesters, author, onBehalfOf];
  return people.find((person) => person?.key === key)?.name ?? subjectOf(key);
}

function grantText({ grant, grantUntil }: Approval, nowMs: number): string {
  if (grant === Grant.UNSPECIFIED) return "";
  return `${wordOf(Grant, grant)}${grantUntil ? ` until ${timeText(grantUntil, nowMs)}` : ""}`;
}

function voteText(approval: Approval, style: Style): Cell {
  const { mayVote, mayNotVoteReason, mayNotVoteMessage } = approval;
  if (mayVote) return { text: "may vote", paint: style.good };
  return isOpen(approval) ? `may not vote: ${nameOf(Reason, mayNotVoteReason)}: ${mayNotVoteMessage}` : "";
}

const stageTextAt = "    · ".length;

function stageLines({ id, status, requirements }: ApprovalStage, style: Style, columns?: number): string {
  const [mark, paint] = markOf(status, style);
  const lines = requirements.map(({ id: name, who, needed, have, met, canVote }) => {
    const can = canVote.length === 0 ? "" : `; ${canVote.join(", ")} can vote`;
    const text = `${name}: ${have} of ${needed === 0 ? "?" : needed} (${who})${can}`;
    return `    ${met ? style.good("✓") : style.dim("·")} ${beside(printable(text, 2_048), stageTextAt, columns)}\n`;
  });
  return `${paint(mark)} ${style.bold(`stage ${printable(id)}`)}  ${paint(wordOf(StageStatus, status))}\n${lines.join("")}`;
}

function markOf(status: StageStatus, style: Style): readonly [string, (text: string) => string] {
  if (status === StageStatus.SATISFIED) return ["✓", style.good];
  if (status === StageStatus.REJECTED) return ["✗", style.bad];
  return status === StageStatus.ACTIVE ? ["…", style.warn] : ["·", style.dim];
}

const said: Readonly<Record<number, string>> = {
  [Verdict.APPROVE]: "approved",
  [Verdict.REJECT]: "rejected",
  [Verdict.ABSTAIN]: "abstained on",
  [Verdict.REQUEST_CHANGES]: "wants changes in",
};

/** `bob approved stage team, 5m ago: fine` */
function voteLine({ stage, voter, verdict, comment, standsInFor, votedAt }: ApprovalVote, approval: Approval, nowMs: number, columns?: number): string {
  const absent = standsInFor.length === 0 ? "" : ` for ${standsInFor.map((key) => nameIn(approval, key)).join(" and ")}`;
  const when = `${age(votedAt && timestampMs(votedAt), nowMs)} ago`;
  const text = `${voter?.name ?? ""}${absent} ${said[verdict] ?? wordOf(Verdict, verdict)} stage ${stage}, ${when}${comment === "" ? "" : `: ${comment}`}`;
  return lineOf(text, 2, columns);
}

/** What people wrote, as one line that is broken between words; what follows its first part is indented. */
export function lineOf(text: string, indent: number, columns?: number): string {
  return `${beside(printable(text.replace(/\s+/g, " "), 8_192), indent, columns)}\n`;
}

/** The paragraph of the server, and who is named and cannot vote. `columns`: the width of the terminal. */
export function explanationText({ summary, requirements }: ApprovalExplanation, style: Style, columns?: number): string {
  const excluded = requirements.flatMap(({ id, excluded: some }) =>
    some.map(({ name, why }) => `  ${lineOf(`${id}: ${name} cannot vote: ${why}`, 4, columns)}`),
  );
  return `${lineOf(summary, 0, columns)}${excluded.map((line) => style.dim(line)).join("")}`;
}

/** `2026-01-02T03:04:05.000Z  (5m ago)` or `(in 3h)` */
export function timeText(time: Timestamp | undefined, nowMs: number): string {
  if (!time) return "";
  const ms = timestampMs(time);
  return `${new Date(ms).toISOString()}  (${ms > nowMs ? `in ${left(ms, nowMs)}` : `${age(ms, nowMs)} ago`})`;
}
