/** Answers of many requests are not larger than clients take: what was done must not look as if it had failed. */
import { toBinary } from "@bufbuild/protobuf";
import { ApprovalSchema, type Approval, type VoteResult } from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { answerBytes } from "../transport/limits.ts";

/** As many as fit into one answer, from the first on, which always does. */
export function fitting(approvals: readonly Approval[]): Approval[] {
  return approvals.slice(0, Math.max(1, countFitting(approvals)));
}

/** Leaves out contexts and votes where the results are too large otherwise, then the requests that still do not fit. */
export function shrink(results: readonly VoteResult[]): void {
  const approvals = results.flatMap(({ approval }) => approval ?? []);
  // One is as large as an answer to Get. To measure it costs as much as to send it.
  if (approvals.length < 2 || countFitting(approvals) === approvals.length) return;
  for (const approval of approvals) Object.assign(approval, { contextJson: "", votes: [] });
  const kept = new Set(approvals.slice(0, countFitting(approvals)));
  for (const result of results) if (result.approval && !kept.has(result.approval)) delete result.approval;
}

function countFitting(approvals: readonly Approval[]): number {
  let bytes = 0;
  const over = approvals.findIndex((approval) => (bytes += toBinary(ApprovalSchema, approval).length) > answerBytes);
  return over < 0 ? approvals.length : over;
}
