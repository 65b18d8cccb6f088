/** How a call ended: for metrics, and for the log when it failed; one that its client ended is a line at debug. Every call is reported once, when its stream is closed. */
import type { Log } from "../../kernel/log.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { Call } from "./call.ts";
import { statusName, type StatusName } from "../../kernel/status-name.ts";

/** How one call ended, for metrics. */
export interface CallEnd {
  /** `package.Service/Method`; of an HTTP route, its method and path template. */
  readonly rpc: string;
  /** gRPC name of the status, `OK` included. */
  readonly code: string;
  readonly ms: number;
}

export interface CallReport {
  readonly clock: Clock;
  readonly log: Log;
  readonly onCallEnd?: (end: CallEnd) => void;
}

/** `answered`: the whole answer has left. `httpStatus`: that of the answer. */
export function reportEnd(call: Call, { answered, httpStatus }: { readonly answered: boolean; readonly httpStatus: number }, report: CallReport): void {
  const code = codeOf(call, httpStatus, answered);
  const ms = report.clock.now() - call.startedAt;
  const { kind, name } = call.target;
  report.onCallEnd?.({ rpc: name, code, ms });
  // An error status that a route returns itself is an intended answer, not a failure.
  if (code === "OK" || (kind === "route" && !call.failure)) return;
  // What the client has ended, by a reset or by going away, has not failed.
  if (code === "CANCELLED" && !answered) return report.log("debug", "call cancelled", { [kind]: name, ms, principal: call.principal });
  const { reason, requestId, cause } = call.failure ?? {};
  report.log(levelOf(code), "call failed", { [kind]: name, code, reason, ms, principal: call.principal, requestId, error: cause });
}

function codeOf(call: Call, httpStatus: number, answered: boolean): StatusName {
  if (call.failure?.reason !== undefined) return statusName(call.failure.error.code);
  if (!answered) return "CANCELLED";
  if (call.failure) return statusName(call.failure.error.code);
  if (httpStatus < 400) return "OK";
  // An RPC without a failure was refused before it became a call: a content type or an HTTP method that no protocol here has.
  return call.target.kind === "rpc" ? "INVALID_ARGUMENT" : (codesOfHttp[httpStatus] ?? (httpStatus < 500 ? "INVALID_ARGUMENT" : "INTERNAL"));
}

/** The error statuses that a route may answer with and not throw. */
const codesOfHttp: Readonly<Record<number, StatusName>> = {
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "ABORTED",
  412: "FAILED_PRECONDITION",
  413: "RESOURCE_EXHAUSTED",
  429: "RESOURCE_EXHAUSTED",
  501: "UNIMPLEMENTED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

function levelOf(code: StatusName): "info" | "warn" | "error" {
  if (code === "INTERNAL" || code === "UNKNOWN" || code === "DATA_LOSS") return "error";
  return code === "UNAVAILABLE" || code === "DEADLINE_EXCEEDED" || code === "RESOURCE_EXHAUSTED" ? "warn" : "info";
}
