import type { HandlerContext } from "@connectrpc/connect";
import type { ResolveServiceRequest, ResolveServiceResponse } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { checkResolve } from "../../registration/validate.ts";
import { callKey } from "../transport/call.ts";
import { resolutionOf } from "./convert-discovery.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";

export function resolveService({ discovery, clock }: RegistrationHandlerDeps, request: ResolveServiceRequest, context: HandlerContext): ResolveServiceResponse {
  const { serviceName: name, preferLocal, requiredTags, requiredCapabilities } = request;
  checkResolve({ name, requiredTags, requiredCapabilities });
  const caller = context.values.get(callKey)?.peer;
  return resolutionOf(name, discovery.resolve({ name, preferLocal, requiredTags, requiredCapabilities, caller }), clock.now());
}
