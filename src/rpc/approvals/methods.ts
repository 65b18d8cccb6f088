/** Every RPC of the services of approvals, those of policies aside: who may call it, how long it lives, what it does. */
import { ApprovalService } from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { served, type Methods, type ServedService } from "../transport/served.ts";
import type { ApprovalHandlerDeps } from "./deps.ts";
import { policyService } from "./policy-methods.ts";
import { getRequest, listRequests, watchRequest } from "./read.ts";
import { closeRequest, createRequest, reassignRequest, reviseRequest, voteOnRequests } from "./requests.ts";
import { deleteOne, listAll, putOne } from "./stand-ins.ts";

export function approvalServices(deps: ApprovalHandlerDeps): readonly ServedService[] {
  const policies = { ...deps, isEnumerable: (tenant: string) => deps.directory(tenant) !== undefined };
  return [served(ApprovalService, approvalMethods(deps)), policyService(policies)];
}

/** Whoever is authenticated may ask and vote: the policy names those whose votes count. */
export function approvalMethods(deps: ApprovalHandlerDeps): Methods<typeof ApprovalService> {
  return {
    createApproval: { access: "known", call: (request, context) => createRequest(deps, request, context) },
    getApproval: { access: "known", call: (request, context) => getRequest(deps, request, context) },
    listApprovals: { access: "known", call: (request, context) => listRequests(deps, request, context) },
    vote: { access: "known", call: (request, context) => voteOnRequests(deps, request, context) },
    revise: { access: "known", call: (request, context) => reviseRequest(deps, request, context) },
    reassign: { access: "known", call: (request, context) => reassignRequest(deps, request, context) },
    close: { access: "known", call: (request, context) => closeRequest(deps, request, context) },
    putStandIn: { access: "known", call: (request, context) => putOne(deps, request, context) },
    listStandIns: { access: "known", call: (_request, context) => listAll(deps, context) },
    deleteStandIn: { access: "known", call: (request, context) => deleteOne(deps, request, context) },
    watchApproval: { access: "known", life: "watch", onDrain: "end", call: (request, context) => watchRequest(deps, request, context) },
  };
}
