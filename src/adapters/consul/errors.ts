import { DomainError, refused, unavailable } from "../../kernel/errors.ts";
import { HttpFailure } from "../http/client.ts";

const late = "no answer in time";

/** An answer that is not a success: 5xx and 429 are transient, everything else is permanent. */
export function fromStatus(status: number): DomainError {
  return status >= 500 || status === 429 ? unavailable("catalog", `HTTP ${status}`) : refused("catalog", `HTTP ${status}`);
}

/**
 * Any failure of a call, of ours or of the npm driver, in the form that the port guarantees: the signal's reason when the
 * caller aborted, else a DomainError. Any other error (a bug) is returned unchanged.
 */
export function fromFailure(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof DomainError || !(error instanceof Error)) return error;
  if (error instanceof HttpFailure && error.kind === "too large") return refused("catalog", "too large an answer", error);
  if (error instanceof HttpFailure) return unavailable("catalog", error.kind === "late" ? late : error.code || "connection failed", error);
  if (isResponse(error)) return fromStatus(error.statusCode);
  if ("isTimeout" in error) return unavailable("catalog", late, error);
  if (error instanceof SyntaxError || "isCodec" in error) return unavailable("catalog", "unreadable answer", error);
  if ("code" in error && typeof error.code === "string") return unavailable("catalog", error.code, error);
  return error;
}

/** The npm driver's error for a status outside 2xx. */
function isResponse(error: Error): error is Error & { readonly statusCode: number } {
  return "isResponse" in error && "statusCode" in error && typeof error.statusCode === "number";
}
