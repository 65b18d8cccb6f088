import type { HandlerContext } from "@connectrpc/connect";
import type { Caller } from "../../registration/register.ts";
import { principalKey } from "../platform/auth.ts";

const traceparent = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Who calls, and the W3C trace context of the call if it carries a valid one. */
export function callerOf(context: HandlerContext): Caller {
  const { name, roles } = context.values.get(principalKey);
  const trace = context.requestHeader.get("traceparent");
  return {
    name,
    isAdmin: roles.includes("admin"),
    isOperator: roles.includes("operator"),
    ...(trace !== null && traceparent.test(trace) ? { traceparent: trace } : {}),
  };
}
