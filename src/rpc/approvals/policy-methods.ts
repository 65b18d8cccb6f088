/** Every RPC of PolicyService: who may call it, what it does. */
import { PolicyService } from "../../../gen/muster/approval/v1/policy_service_pb.ts";
import type { PolicyDeps } from "../../approvals/policy/policies.ts";
import { served, type Methods, type ServedService } from "../transport/served.ts";
import type { ApprovalHandlerDeps } from "./deps.ts";
import { activateOne, archiveOne, getOne, listSome, putOne } from "./policies.ts";
import { simulateOne } from "./simulate.ts";

export function policyService(deps: PolicyDeps & ApprovalHandlerDeps): ServedService {
  return served(PolicyService, policyMethods(deps));
}

export function policyMethods(deps: PolicyDeps & ApprovalHandlerDeps): Methods<typeof PolicyService> {
  return {
    putPolicy: { access: "admin", call: (request, context) => putOne(deps, request, context) },
    activatePolicy: { access: "admin", call: (request, context) => activateOne(deps, request, context) },
    archivePolicy: { access: "admin", call: (request, context) => archiveOne(deps, request, context) },
    getPolicy: { access: "viewer", call: (request, context) => getOne(deps, request, context) },
    simulatePolicy: { access: "viewer", call: (request, context) => simulateOne(deps, request, context) },
    listPolicies: { access: "viewer", call: (request, context) => listSome(deps, request, context) },
  };
}
