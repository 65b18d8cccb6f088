/** The RPCs that change requests. */
import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  CloseHow,
  CloseResponseSchema,
  CreateApprovalResponseSchema,
  ReassignResponseSchema,
  ReviseResponseSchema,
  VoteResponseSchema,
  type Approval as WireApproval,
  type CloseRequest,
  type CloseResponse,
  type CreateApprovalRequest,
  type CreateApprovalResponse,
  type ReassignRequest,
  type ReassignResponse,
  type ReviseRequest,
  type ReviseResponse,
  type VoteItem,
  type VoteRequest,
  type VoteResponse,
} from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { refused } from "../../approvals/change.ts";
import { closeApproval, createApproval, reassignPlace, reviseApproval, voteOn, type VoteInput, type VoteResult } from "../../approvals/requests.ts";
import { DomainError } from "../../kernel/errors.ts";
import { shrink } from "./answer-size.ts";
import { approvalOf, reasonOf, verdictOf } from "./convert.ts";
import { violations } from "../platform/check.ts";
import { actorOf, checkPerson, type ApprovalHandlerDeps } from "./deps.ts";

const maxItems = 100;
const maxContextBytes = 65_536;
const typePattern = /^[A-Za-z0-9._-]{1,128}$/;
const hows = { [CloseHow.WITHDRAW]: "withdrawn", [CloseHow.CANCEL]: "cancelled", [CloseHow.REVOKE]: "revoke" } as const;

export async function createRequest(deps: ApprovalHandlerDeps, request: CreateApprovalRequest, context: HandlerContext): Promise<CreateApprovalResponse> {
  const { commandId, policyKey, subject, contextJson, onBehalfOf, validateOnly, callback } = request;
  const bad = violations();
  bad.ascii("command_id", commandId, 128, false);
  bad.ascii("policy_key", policyKey, 128, true);
  if (!subject) bad.add("subject", "is required");
  else {
    if (!typePattern.test(subject.type)) bad.add("subject.type", "must be 1 to 128 of A-Z a-z 0-9 . _ -");
    bad.text("subject.id", subject.id, 512, true);
    bad.ascii("subject.digest", subject.digest, 128, true);
  }
  if (Buffer.byteLength(contextJson) > maxContextBytes) bad.add("context_json", `must be at most ${maxContextBytes} bytes`);
  checkPerson(bad, "on_behalf_of", onBehalfOf);
  bad.done();
  const { type = "", id = "", digest = "" } = subject ?? {};
  const actor = actorOf(context);
  const input = { commandId, policyKey, subject: { type, id, digest }, context: contextJson, onBehalfOf, isDryRun: validateOnly, callback };
  const { seen, isNew } = await createApproval(deps, input, actor);
  return create(CreateApprovalResponseSchema, { approval: approvalOf(seen, true), created: isNew });
}

/** Each item by itself, in order. A failure of the server fails the call; a refusal is the result of its item. */
export async function voteOnRequests(deps: ApprovalHandlerDeps, { items, validateOnly }: VoteRequest, context: HandlerContext): Promise<VoteResponse> {
  const bad = violations();
  if (items.length === 0 || items.length > maxItems) bad.add("items", `must be 1 to ${maxItems}`);
  const inputs = items.map((item, i) => voteInput(item, `items[${i}]`, bad));
  bad.done();
  const actor = actorOf(context);
  const response = create(VoteResponseSchema);
  for (const input of inputs) {
    const result = await voteOn(deps, input as VoteInput, actor, validateOnly).catch(resultOfError);
    const { seen, refusal } = result;
    response.results.push({
      $typeName: "muster.approval.v1.VoteResult",
      approvalId: input.approvalId,
      counted: refusal === undefined,
      reason: refusal ? reasonOf(refusal.refusal) : 0,
      message: refusal?.message ?? "",
      ...(seen ? { approval: approvalOf(seen, true) } : {}),
    });
  }
  shrink(response.results);
  return response;
}

function voteInput(item: VoteItem, at: string, bad: ReturnType<typeof violations>) {
  const { approvalId, digest, stage, requirement, comment, commandId } = item;
  const verdict = verdictOf(item.verdict);
  if (verdict === undefined) bad.add(`${at}.verdict`, "must be APPROVE, REJECT, ABSTAIN or REQUEST_CHANGES");
  bad.id(`${at}.approval_id`, approvalId);
  bad.ascii(`${at}.digest`, digest, 128, true);
  bad.text(`${at}.stage`, stage, 128);
  bad.text(`${at}.requirement`, requirement, 128);
  bad.text(`${at}.comment`, comment);
  bad.ascii(`${at}.command_id`, commandId, 128, false);
  return { approvalId, digest, stage, requirement, comment: comment.trim(), commandId, verdict };
}

const itemReasons = ["APPROVAL_NOT_FOUND", "COMMAND_ID_REUSED"] as const;

/** What concerns one item alone is its result. */
function resultOfError(error: unknown): { seen?: undefined; refusal: { refusal: (typeof itemReasons)[number]; message: string } } {
  const reason = error instanceof DomainError ? itemReasons.find((one) => one === error.reason) : undefined;
  if (reason === undefined) throw error;
  return { refusal: { refusal: reason, message: (error as DomainError).message } };
}

export async function reviseRequest(deps: ApprovalHandlerDeps, request: ReviseRequest, context: HandlerContext): Promise<ReviseResponse> {
  const { commandId, approvalId, digest, contextJson } = request;
  const bad = violations();
  bad.ascii("command_id", commandId, 128, false);
  bad.id("approval_id", approvalId);
  bad.ascii("digest", digest, 128, true);
  if (Buffer.byteLength(contextJson) > maxContextBytes) bad.add("context_json", `must be at most ${maxContextBytes} bytes`);
  bad.done();
  const actor = actorOf(context);
  const result = await reviseApproval(deps, { commandId, approvalId, digest, context: contextJson || undefined }, actor);
  return create(ReviseResponseSchema, { approval: shown(result) });
}

export async function reassignRequest(deps: ApprovalHandlerDeps, request: ReassignRequest, context: HandlerContext): Promise<ReassignResponse> {
  const { commandId, approvalId, from, to, requirement, reason } = request;
  const bad = violations();
  bad.ascii("command_id", commandId, 128, false);
  bad.id("approval_id", approvalId);
  checkPerson(bad, "from", from);
  checkPerson(bad, "to", to, true);
  bad.text("requirement", requirement, 128);
  bad.text("reason", reason);
  bad.done();
  const result = await reassignPlace(deps, { commandId, approvalId, from, to, requirement, reason: reason.trim() }, actorOf(context));
  return create(ReassignResponseSchema, { approval: shown(result) });
}

export async function closeRequest(deps: ApprovalHandlerDeps, request: CloseRequest, context: HandlerContext): Promise<CloseResponse> {
  const { commandId, approvalId, reason } = request;
  const how = hows[request.how as keyof typeof hows];
  const bad = violations();
  bad.ascii("command_id", commandId, 128, false);
  bad.id("approval_id", approvalId);
  if (how === undefined) bad.add("how", "must be WITHDRAW, CANCEL or REVOKE");
  else if (request.evict && how !== "revoke") bad.add("evict", "must be with REVOKE");
  bad.text("reason", reason);
  bad.done();
  const result = await closeApproval(deps, { commandId, approvalId, how, isEvicting: request.evict, reason: reason.trim() }, actorOf(context));
  return create(CloseResponseSchema, { approval: shown(result) });
}

/** The request after a command; throws its refusal. */
function shown({ seen, refusal }: VoteResult): WireApproval {
  if (refusal) throw refused(refusal, seen.approval.id);
  return approvalOf(seen, true);
}
