/** The RPCs that read requests. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  ApprovalView,
  GetApprovalResponseSchema,
  ListApprovalsResponseSchema,
  WatchApprovalResponseSchema,
  type GetApprovalRequest,
  type GetApprovalResponse,
  type ListApprovalsRequest,
  type ListApprovalsResponse,
  type WatchApprovalRequest,
  type WatchApprovalResponse,
} from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { follow } from "../../approvals/follow.ts";
import { countInbox, getApproval, listApprovals, readInbox } from "../../approvals/queries.ts";
import type { InboxRow } from "../../approvals/records.ts";
import type { Approval } from "../../approvals/request.ts";
import { withQuiet } from "../platform/quiet.ts";
import { fitting } from "./answer-size.ts";
import { approvalOf, decisionOf, eventOf, explanationOf } from "./convert.ts";
import { violations } from "../platform/check.ts";
import { actorOf, type ApprovalHandlerDeps } from "./deps.ts";

const defaultPageSize = 50;
const maxPageSize = 500;
const quietMs = 20_000;

export async function getRequest(deps: ApprovalHandlerDeps, { id, view }: GetApprovalRequest, context: HandlerContext): Promise<GetApprovalResponse> {
  const bad = violations();
  bad.id("id", id);
  bad.done();
  const seen = await getApproval(deps, id, actorOf(context), view === ApprovalView.EXPLAIN);
  return create(GetApprovalResponseSchema, {
    approval: approvalOf(seen, true),
    ...(seen.explanation ? { explanation: explanationOf(seen.explanation) } : {}),
  });
}

export async function listRequests(deps: ApprovalHandlerDeps, request: ListApprovalsRequest, context: HandlerContext): Promise<ListApprovalsResponse> {
  const { pageSize, pageToken, mine, subjectType, subjectId, policyKey } = request;
  const bad = violations();
  if (pageSize < 0 || pageSize > maxPageSize) bad.add("page_size", `must be from 0 to ${maxPageSize}`);
  const before = placeOf(pageToken);
  if (pageToken !== "" && before === undefined) bad.add("page_token", "is not a token of this server");
  const states = request.decisions.map(decisionOf);
  if (states.includes(undefined) || states.length > 7) bad.add("decisions", "must be at most 7 known states");
  bad.text("subject_type", subjectType, 128);
  bad.text("subject_id", subjectId, 512);
  if (subjectId !== "" && subjectType === "") bad.add("subject_type", "must be given with subject_id");
  bad.text("policy_key", policyKey, 128);
  bad.done();

  const actor = actorOf(context);
  const decisions = states.filter((state) => state !== undefined);
  const limit = pageSize || defaultPageSize;
  if (mine) {
    const fits = ({ decision, subject, policy }: Approval) =>
      (decisions.length === 0 || decisions.includes(decision)) &&
      (subjectType === "" || subject.type === subjectType) &&
      (subjectId === "" || subject.id === subjectId) &&
      (policyKey === "" || policy.key === policyKey);
    const { items, next } = await readInbox(deps, actor, before, limit, fits);
    const counted = pageToken === "" ? await countInbox(deps, actor, fits) : { count: 0, isMore: false };
    const approvals = fitting(items.map((seen) => approvalOf(seen, false)));
    const cut = items[approvals.length] && items[approvals.length - 1]?.approval;
    const last = cut ? { openedAt: cut.openedAt, approvalId: cut.id } : next;
    return create(ListApprovalsResponseSchema, {
      approvals,
      nextPageToken: last ? tokenOf(last) : "",
      count: counted.count,
      countIsMore: counted.isMore,
    });
  }
  const filter = {
    tenant: actor.tenant,
    decisions,
    ...(subjectType === "" ? {} : { subjectType }),
    ...(subjectId === "" ? {} : { subjectId }),
    ...(policyKey === "" ? {} : { policyKey }),
    ...(before ? { beforeId: before.approvalId } : {}),
    limit,
  };
  const { items, next } = await listApprovals(deps, filter, actor);
  const approvals = fitting(items.map((seen) => approvalOf(seen, false)));
  const last = approvals.length < items.length ? approvals.at(-1)?.id : next;
  return create(ListApprovalsResponseSchema, { approvals, nextPageToken: last === undefined ? "" : tokenOf({ openedAt: 0, approvalId: last }) });
}

function tokenOf({ openedAt, approvalId }: InboxRow): string {
  return `${openedAt}.${approvalId}`;
}

function placeOf(token: string): InboxRow | undefined {
  const [, openedAt, approvalId] = /^(\d{1,16})\.([0-9a-f-]{36})$/.exec(token) ?? [];
  return approvalId === undefined ? undefined : { openedAt: Number(openedAt), approvalId };
}

export async function* watchRequest(deps: ApprovalHandlerDeps, request: WatchApprovalRequest, context: HandlerContext): AsyncGenerator<WatchApprovalResponse> {
  const { id, afterSequence, waitForDecision } = request;
  const bad = violations();
  bad.id("id", id);
  if (afterSequence < 0n) bad.add("after_sequence", "must not be negative");
  bad.done();
  const { tenant } = actorOf(context);
  let lastSequence = afterSequence;
  const options = { tenant, id, afterSequence: Number(afterSequence), untilDecided: waitForDecision };
  for await (const followed of withQuiet(follow(deps.store, deps.feed, options, context.signal), deps.clock, quietMs)) {
    if (followed === undefined) {
      const value = { at: timestampFromMs(deps.clock.now()), lastSequence };
      yield create(WatchApprovalResponseSchema, { item: { case: "heartbeat", value } });
      continue;
    }
    lastSequence = BigInt(followed.event.sequence);
    yield create(WatchApprovalResponseSchema, { item: { case: "event", value: eventOf(followed) } });
  }
}
