/** Any error of a command in its output forms: text, JSON and exit code. */
import { Code, type ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RequestInfoSchema, RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import type { FieldViolation } from "../../kernel/errors.ts";
import { printable } from "../../kernel/log.ts";
import { statusName } from "../../kernel/status-name.ts";
import { exitCodes, type ExitCode } from "./exit-codes.ts";
import { jsonText } from "./json-text.ts";
import type { Style } from "./style.ts";
import { took } from "./times.ts";

export interface Failure {
  readonly exitCode: ExitCode;
  /** gRPC status by its name: `NOT_FOUND`. */
  readonly status: string;
  /** One of the reasons of docs/errors.md; empty when the server gave none, or no answer. */
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  /** After how long the same call may succeed; undefined when that cannot help or is not known. */
  readonly retryAfterMs: number | undefined;
  readonly requestId: string;
  /** Suggested fixes, a sentence each. */
  readonly hints: readonly string[];
}

const exitCodeOf: Readonly<Partial<Record<Code, keyof typeof exitCodes>>> = {
  [Code.InvalidArgument]: "usage",
  [Code.OutOfRange]: "usage",
  [Code.Unauthenticated]: "denied",
  [Code.PermissionDenied]: "denied",
  [Code.NotFound]: "notFound",
  [Code.AlreadyExists]: "conflict",
  [Code.FailedPrecondition]: "conflict",
  [Code.Aborted]: "conflict",
  [Code.Unavailable]: "unreachable",
  [Code.DeadlineExceeded]: "unreachable",
  [Code.ResourceExhausted]: "unreachable",
};

/** A failed call as a failure. One that never had an answer of a Muster is described by `unreachable.ts` instead. */
export function failureOf(error: ConnectError): Failure {
  const info = error.findDetails(ErrorInfoSchema)[0];
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const fields = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  return {
    exitCode: exitCodes[exitCodeOf[error.code] ?? "failed"].code,
    status: statusName(error.code),
    reason: info?.reason ?? "",
    message: error.rawMessage,
    metadata: info?.metadata ?? {},
    fields: fields.map(({ field, description }) => ({ field, description })),
    retryAfterMs: delay === undefined ? undefined : Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000,
    requestId: error.findDetails(RequestInfoSchema)[0]?.requestId ?? "",
    hints: info?.reason === "UNAUTHENTICATED" ? ["Pass a token with --token-file FILE, MUSTER_TOKEN or MUSTER_TOKEN_FILE."] : [],
  };
}

/** True when the error comes from the server itself, not from the connection. */
export function isAnswer(error: ConnectError): boolean {
  return error.findDetails(ErrorInfoSchema).length > 0 || (error.cause === undefined && error.metadata.has("grpc-status"));
}

/** The failure as text: what, where, what to do. */
export function failureText(failure: Failure, style: Style): string {
  const { reason, status, message, fields, metadata, retryAfterMs, requestId, hints } = failure;
  const facts = Object.entries(metadata).map(([name, value]) => `  ${style.dim(name)} ${printable(value)}`);
  const bad = fields.map(({ field, description }) => `  ${style.bold(printable(field))} ${printable(description)}`);
  const name = style.bold(printable(reason === "" ? status : reason));
  // The message of a request with invalid fields repeats them.
  const head = bad.length > 0 ? `${name}: the request is not valid` : `${name}: ${printable(message, 4_096)}`;
  return [
    `${style.bad("error:")} ${head}`,
    ...bad,
    ...facts,
    ...(requestId === "" ? [] : [`  ${style.dim("request")} ${printable(requestId)} (the server's log has the cause)`]),
    ...(retryAfterMs === undefined ? [] : [`A retry may help, after ${took(retryAfterMs)}.`]),
    ...hints,
    "",
  ].join("\n");
}

export function failureJson({ exitCode, ...failure }: Failure): string {
  return `${jsonText({ error: failure, exitCode })}\n`;
}
