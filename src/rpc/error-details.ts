import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RequestInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.ts";
import type { DomainError, ErrorKind, FieldViolation, Reason } from "../errors.ts";
import { printable } from "../log.ts";

/** Stock clients refuse header lists above 8 KiB, and the details are sent in base64 beside the message. */
const maxFieldBytes = 3_000;
const maxValueLength = 256;
const maxMetadataEntries = 8;

export interface Detail {
  readonly desc: DescMessage;
  readonly value: MessageInitShape<DescMessage>;
}

function detail<T extends DescMessage>(desc: T, value: MessageInitShape<T>): Detail {
  return { desc, value };
}

/** The google.rpc details of an error, ErrorInfo first. `message` is the status message, already fit for the wire. */
export function statusDetails(error: DomainError, message: string): Detail[] {
  const metadata = shortened(error.metadata);
  const info = detail(ErrorInfoSchema, { reason: error.reason, domain: "muster", metadata });
  return [info, ...ofKind(error, message, metadata), ...retry(error)];
}

/** Names the call in the server's log. */
export function requestInfo(requestId: string): Detail {
  return detail(RequestInfoSchema, { requestId });
}

function ofKind(error: DomainError, message: string, metadata: Readonly<Record<string, string>>): Detail[] {
  // By custom the first metadata entry says what the error is about: `{ attempt_id: "…" }`.
  const [subject] = Object.entries(metadata);
  switch (error.kind) {
    case "invalid":
      return [detail(BadRequestSchema, { fieldViolations: fitting(error.fields) })];
    case "not_found":
    case "already_exists":
      return [
        detail(ResourceInfoSchema, {
          resourceType: subject?.[0].replace(/_id$/, "") ?? "",
          resourceName: subject?.[1] ?? "",
          description: message,
        }),
      ];
    case "wrong_state":
      return [
        detail(PreconditionFailureSchema, {
          violations: [{ type: error.reason, subject: subject?.[1] ?? "", description: message }],
        }),
      ];
    case "exhausted":
      return [detail(QuotaFailureSchema, { violations: [{ subject: subject?.[1] ?? "", description: message }] })];
    default:
      return [];
  }
}

const defaultRetryMs: Partial<Record<ErrorKind, number>> = {
  conflict: 200,
  exhausted: 1_000,
  unavailable: 2_000,
  timeout: 1_000,
};

/** Failures of a kind that mostly passes, but these do not: somebody has to change the request first. */
const lasting: ReadonlySet<Reason> = new Set(["SCHEMA_VERSION_CONFLICT", "REQUEST_ID_REUSED", "SCHEMA_TOO_LARGE", "CALLBACK_TOO_LARGE"]);

function retry(error: DomainError): Detail[] {
  const ms = error.retryAfterMs ?? (lasting.has(error.reason) ? undefined : defaultRetryMs[error.kind]);
  if (ms === undefined) return [];
  const retryDelay = { seconds: BigInt(Math.floor(ms / 1_000)), nanos: Math.round(ms % 1_000) * 1_000_000 };
  return [detail(RetryInfoSchema, { retryDelay })];
}

/** As many violations as fit into the headers of an answer; the last one says how many were left out. */
function fitting(fields: readonly FieldViolation[]): FieldViolation[] {
  const out: FieldViolation[] = [];
  let bytes = 0;
  for (const { field, description } of fields) {
    const entry = { field: text(field), description: text(description) };
    bytes += Buffer.byteLength(entry.field) + Buffer.byteLength(entry.description) + 8;
    if (bytes > maxFieldBytes) {
      out.push({ field: "", description: `and ${fields.length - out.length} more` });
      break;
    }
    out.push(entry);
  }
  return out;
}

function shortened(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(metadata).slice(0, maxMetadataEntries);
  return Object.fromEntries(entries.map(([key, value]) => [text(key), text(value)]));
}

function text(value: string): string {
  return printable(value, maxValueLength).toWellFormed();
}
