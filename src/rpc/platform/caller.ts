import type { HandlerContext } from "@connectrpc/connect";
import type { Caller, Principal } from "../../kernel/caller.ts";
import { callKey } from "../transport/call.ts";
import { principalKey, shareOfCall } from "./auth.ts";

const w3cTrace = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The caller of an RPC, with the W3C trace context of the call if it carries a valid one. */
export function callerOf(context: HandlerContext): Caller {
  const call = context.values.get(callKey);
  return callerWith(context.values.get(principalKey), call?.peer, call?.traceparent);
}

/** The principal as a caller from `peer`; a `traceparent` that is not valid is left out. */
export function callerWith(principal: Principal, peer: string | undefined, traceparent: string | null | undefined): Caller {
  const share = shareOfCall(principal, peer);
  return traceparent && w3cTrace.test(traceparent) ? { ...principal, share, traceparent } : { ...principal, share };
}
