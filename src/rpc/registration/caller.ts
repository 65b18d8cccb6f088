import type { HandlerContext } from "@connectrpc/connect";
import type { Caller } from "../../kernel/caller.ts";
import { principalKey } from "../platform/auth.ts";

const traceparent = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Who calls, and the W3C trace context of the call if it carries a valid one. */
export function callerOf(context: HandlerContext): Caller {
  const trace = context.requestHeader.get("traceparent");
  return {
    ...context.values.get(principalKey),
    ...(trace !== null && traceparent.test(trace) ? { traceparent: trace } : {}),
  };
}
