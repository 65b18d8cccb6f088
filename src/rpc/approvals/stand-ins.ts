/** The RPCs about stand-ins. */
import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  DeleteStandInResponseSchema,
  ListStandInsResponseSchema,
  PutStandInResponseSchema,
  type DeleteStandInRequest,
  type DeleteStandInResponse,
  type ListStandInsResponse,
  type PutStandInRequest,
  type PutStandInResponse,
} from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { deleteStandIn, listStandIns, putStandIn } from "../../approvals/stand-ins.ts";
import { standInOf } from "./convert.ts";
import { violations } from "../platform/check.ts";
import { actorOf, checkPerson, type ApprovalHandlerDeps } from "./deps.ts";

const maxPolicies = 50;

export async function putOne(deps: ApprovalHandlerDeps, { to, policyKeys, until }: PutStandInRequest, context: HandlerContext): Promise<PutStandInResponse> {
  const bad = violations();
  checkPerson(bad, "to", to, true);
  if (policyKeys.length > maxPolicies) bad.add("policy_keys", `must be at most ${maxPolicies}`);
  policyKeys.forEach((key, i) => bad.ascii(`policy_keys[${i}]`, key, 128, true));
  if (!until) bad.add("until", "is required");
  bad.done();
  const standIn = await putStandIn(deps, { to, policies: policyKeys, until: until ? timestampMs(until) : 0 }, actorOf(context));
  return create(PutStandInResponseSchema, { standIn: standInOf(standIn) });
}

export async function listAll(deps: ApprovalHandlerDeps, context: HandlerContext): Promise<ListStandInsResponse> {
  return create(ListStandInsResponseSchema, { standIns: (await listStandIns(deps, actorOf(context))).map(standInOf) });
}

export async function deleteOne(deps: ApprovalHandlerDeps, { id }: DeleteStandInRequest, context: HandlerContext): Promise<DeleteStandInResponse> {
  const bad = violations();
  bad.id("id", id);
  bad.done();
  await deleteStandIn(deps, id, actorOf(context));
  return create(DeleteStandInResponseSchema);
}
