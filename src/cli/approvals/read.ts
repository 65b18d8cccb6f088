/** Reading requests for approval: a list, one, what one waits for. */
import {
  ApprovalExplanationSchema,
  ApprovalSchema,
  ApprovalView,
  Decision,
  GetApprovalResponseSchema,
  type Approval,
} from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect, type Connection } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { counted, limitOf } from "../frame/numbers.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor } from "../frame/style.ts";
import { columnsOf } from "../frame/terminal.ts";
import { approvalTable, explanationText } from "./approval-view.ts";
import { detailsOf } from "./details.ts";

const pageSize = 500;
const defaultLimit = 50;

const open = [Decision.PENDING, Decision.IN_REVIEW, Decision.CHANGES_REQUESTED];
const states: Readonly<Record<string, readonly Decision[]>> = {
  open,
  pending: [Decision.PENDING],
  "in-review": [Decision.IN_REVIEW],
  "changes-requested": [Decision.CHANGES_REQUESTED],
  approved: [Decision.APPROVED],
  rejected: [Decision.REJECTED],
  expired: [Decision.EXPIRED],
  cancelled: [Decision.CANCELLED],
};

export const listRequests: Run = async (input, terminal) => {
  const filter = filterOf(input);
  const limit = limitOf(input, defaultLimit);
  const { approvals, once } = connect(input, terminal);
  const found: Approval[] = [];
  let inbox = { count: 0, countIsMore: false };
  let pageToken = "";
  do {
    const page = await approvals.listApprovals({ ...filter, pageToken, pageSize: Math.min(pageSize, limit - found.length) }, once());
    if (pageToken === "") inbox = page;
    found.push(...page.approvals);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && found.length < limit);
  const isMore = pageToken !== "";
  const { count, countIsMore } = filter.mine ? inbox : { count: found.length, countIsMore: isMore };
  const value = { approvals: found.map((approval) => jsonOf(ApprovalSchema, approval)), count, countIsMore };
  await show(input, terminal, value, () => {
    if (found.length === 0 && !isMore) return filter.mine ? "Nothing to decide.\n" : "No matching requests.\n";
    const columns = columnsOf(terminal);
    const shown = isMore ? `; the first ${found.length} are shown: --limit 0 shows all` : "";
    return `${approvalTable(found, terminal.clock.now(), styleFor(terminal.colour.out), columns)}${counted(count, countIsMore, "request")}${shown}\n`;
  });
  return exitCodes.done.code;
};

function filterOf(input: Input) {
  const subject = input.text("subject");
  const [subjectType = "", subjectId = ""] = subject === undefined ? [] : subjectOf("--subject", subject, false);
  return {
    mine: input.on("mine"),
    decisions: [...new Set(input.texts("state").flatMap((state) => states[state] ?? []))],
    subjectType,
    subjectId,
    policyKey: input.text("policy") ?? "",
  };
}

/** `TYPE/ID` in its two parts; the id may be left out, and may have slashes. Throws UsageError. */
export function subjectOf(name: string, text: string, needsId: boolean): readonly [type: string, id: string] {
  const at = text.indexOf("/");
  const [type, id] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  if (type === "" || (id === "" && (needsId || at >= 0))) {
    throw new UsageError([`${name}: "${text}" must be ${needsId ? "a type and an id" : "a type, or a type and an id"}, such as document/42`]);
  }
  return [type, id];
}

export const showRequest: Run = async (input, terminal) => {
  const connection = connect(input, terminal);
  const answer = await got(input, connection, input.on("explain"));
  const { approval, explanation } = answer;
  const style = styleFor(terminal.colour.out);
  const details = await detailsOf(approval, connection, input, terminal);
  await show(input, terminal, jsonOf(GetApprovalResponseSchema, answer), () => {
    return explanation ? `${details}\n${explanationText(explanation, style, columnsOf(terminal))}` : details;
  });
  return exitCodes.done.code;
};

export const explainRequest: Run = async (input, terminal) => {
  const { explanation } = await got(input, connect(input, terminal), true);
  if (!explanation) return exitCodes.failed.code;
  await show(input, terminal, jsonOf(ApprovalExplanationSchema, explanation), () =>
    explanationText(explanation, styleFor(terminal.colour.out), columnsOf(terminal)),
  );
  return exitCodes.done.code;
};

function got(input: Input, { approvals, once }: Connection, isExplained: boolean) {
  const [id = ""] = input.args;
  return approvals.getApproval({ id, view: isExplained ? ApprovalView.EXPLAIN : ApprovalView.FULL }, once());
}
