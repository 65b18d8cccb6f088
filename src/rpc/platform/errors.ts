/**
 * Maps errors to answers. Every DomainError kind has one gRPC status and its details; any other error is a defect of
 * Muster: INTERNAL with a fixed text and an id that the log has too. ConnectErrors raised by the protocol layer
 * (bad JSON, too large, unknown compression) keep their code.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { DomainError, toDomainError, type ErrorKind } from "../../kernel/errors.ts";
import type { Ids } from "../../kernel/ports.ts";
import { requestInfo, statusDetails, wireText } from "./error-details.ts";

const maxMessageBytes = 600;

const codes: Readonly<Record<ErrorKind, Code>> = {
  invalid: Code.InvalidArgument,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  wrong_state: Code.FailedPrecondition,
  out_of_range: Code.OutOfRange,
  conflict: Code.Aborted,
  unauthenticated: Code.Unauthenticated,
  denied: Code.PermissionDenied,
  exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  timeout: Code.DeadlineExceeded,
  cancelled: Code.Canceled,
  unimplemented: Code.Unimplemented,
  internal: Code.Internal,
};

/** The error of calls that are still open when the server stops. */
export function shuttingDown(): DomainError {
  return new DomainError({
    kind: "unavailable",
    reason: "SHUTTING_DOWN",
    message: "the server is shutting down",
    retryAfterMs: 500,
  });
}

export function callLate(): DomainError {
  return new DomainError({ kind: "timeout", reason: "DEADLINE_EXCEEDED", message: "the call took longer than its deadline" });
}

export function callCancelled(): DomainError {
  return new DomainError({ kind: "cancelled", reason: "CANCELLED", message: "the caller cancelled the call" });
}

/** The error of a client that does not read and is disconnected; only the log shows it. */
export function readerTooSlow(ms: number): DomainError {
  return new DomainError({ kind: "exhausted", reason: "SLOW_READER", message: `the client has read nothing for ${ms / 1_000} s` });
}

/** What a failed call returns to its caller, and what the log has in addition. */
export interface Failure {
  readonly error: ConnectError;
  /** The DomainError's reason; undefined for errors of the protocol layer. */
  readonly reason: string | undefined;
  readonly requestId: string | undefined;
  /** The error behind it, for the log. */
  readonly cause: unknown;
}

/**
 * The failure that a thrown value means. `signal` is the call's: an error that is only "aborted" is
 * reported by the reason of the abort, as DEADLINE_EXCEEDED, UNAVAILABLE (shutting down) or CANCELLED.
 */
export function toFailure(thrown: unknown, ids: Ids, signal?: AbortSignal): Failure {
  const error = fromAbort(thrown, signal) ?? thrown;
  // An error that came over the wire is another server's answer to Muster, not an answer to the caller.
  if (error instanceof ConnectError && !error.isWireError) {
    return { error: wellFormed(error), reason: undefined, requestId: undefined, cause: error.cause };
  }
  const domain = toDomainError(error);
  if (domain.kind === "internal") {
    const requestId = ids.next();
    const message = `internal error, see the server's log for request ${requestId}`;
    const details = [...statusDetails(domain, message), requestInfo(requestId)];
    const wire = new ConnectError(message, Code.Internal, undefined, details);
    return { error: wire, reason: domain.reason, requestId, cause: domain.cause ?? domain };
  }
  const message = wireText(domain.message, maxMessageBytes);
  const wire = new ConnectError(message, codes[domain.kind], undefined, statusDetails(domain, message));
  return { error: wire, reason: domain.reason, requestId: undefined, cause: domain.cause };
}

/** The failure as it goes on the wire. */
export function toConnectError(thrown: unknown, ids: Ids, signal?: AbortSignal): ConnectError {
  return toFailure(thrown, ids, signal).error;
}

function fromAbort(thrown: unknown, signal: AbortSignal | undefined): DomainError | undefined {
  if (!signal?.aborted || thrown instanceof DomainError) return undefined;
  const named = thrown instanceof Error && (thrown.name === "AbortError" || thrown.name === "TimeoutError");
  if (thrown !== signal.reason && !named) return undefined;
  const reason: unknown = signal.reason;
  if (reason instanceof DomainError) return reason;
  const late = reason instanceof ConnectError ? reason.code === Code.DeadlineExceeded : reason instanceof Error && reason.name === "TimeoutError";
  return late ? callLate() : callCancelled();
}

/** Changes the error in place, so that it can be encoded: the protocol layer throws on lone surrogates. */
export function wellFormed(error: ConnectError, code: Code = error.code): ConnectError {
  return Object.assign(error, { code, rawMessage: wireText(error.rawMessage, maxMessageBytes) });
}
