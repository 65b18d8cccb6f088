import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RequestInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../../gen/google/rpc/error_details_pb.ts";
import type { DomainError, ErrorKind, FieldViolation } from "../../kernel/errors.ts";
import { printable } from "../../kernel/log.ts";

// Stock clients refuse header lists above 8 KiB; the details travel in base64 beside the message.
const maxFieldsBytes = 2_200;
const maxMetadataBytes = 1_000;
const maxTextBytes = 300;

export interface Detail {
  readonly desc: DescMessage;
  readonly value: MessageInitShape<DescMessage>;
}

function detail<T extends DescMessage>(desc: T, value: MessageInitShape<T>): Detail {
  return { desc, value };
}

/** The google.rpc details of an error, ErrorInfo first. `message` is the status message, already valid on the wire. */
export function statusDetails(error: DomainError, message: string): Detail[] {
  const metadata = shortened(error.metadata);
  const info = detail(ErrorInfoSchema, { reason: error.reason, domain: "muster", metadata });
  return [info, ...ofKind(error, message), ...retry(error)];
}

/** Names the call in the server's log. */
export function requestInfo(requestId: string): Detail {
  return detail(RequestInfoSchema, { requestId });
}

function ofKind(error: DomainError, message: string): Detail[] {
  const type = text(error.subject?.type ?? "");
  const name = text(error.subject?.name ?? "");
  switch (error.kind) {
    case "invalid":
      return [detail(BadRequestSchema, { fieldViolations: fitting(error.fields) })];
    case "not_found":
    case "already_exists":
      return [detail(ResourceInfoSchema, { resourceType: type, resourceName: name, description: message })];
    case "wrong_state":
      return [detail(PreconditionFailureSchema, { violations: [{ type: error.reason, subject: name, description: message }] })];
    case "exhausted":
      return [detail(QuotaFailureSchema, { violations: [{ subject: name, description: message }] })];
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

function retry(error: DomainError): Detail[] {
  const ms = error.retryAfterMs ?? (error.isLasting ? undefined : defaultRetryMs[error.kind]);
  if (ms === undefined) return [];
  const retryDelay = { seconds: BigInt(Math.floor(ms / 1_000)), nanos: Math.round(ms % 1_000) * 1_000_000 };
  return [detail(RetryInfoSchema, { retryDelay })];
}

/** As many violations as fit into the headers of an answer; the last one has the number of omitted ones. */
function fitting(fields: readonly FieldViolation[]): FieldViolation[] {
  const texts = fields.map(({ field, description }) => ({ field: text(field), description: text(description) }));
  const out = withinBytes(texts, maxFieldsBytes, ({ field, description }) => field + description);
  return out.length < fields.length ? [...out, { field: "", description: `and ${fields.length - out.length} more` }] : out;
}

function shortened(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(metadata).map(([key, value]) => [text(key), text(value)] as const);
  return Object.fromEntries(withinBytes(entries, maxMetadataBytes, ([key, value]) => key + value));
}

function withinBytes<T>(items: readonly T[], max: number, textOf: (item: T) => string): T[] {
  let bytes = 0;
  const end = items.findIndex((item) => (bytes += Buffer.byteLength(textOf(item)) + 8) > max);
  return end < 0 ? [...items] : items.slice(0, end);
}

function text(value: string): string {
  return wireText(value, maxTextBytes);
}

/** A human-readable text, valid in headers and protobuf: printable, well-formed, at most `maxBytes` in UTF-8. */
export function wireText(value: string, maxBytes: number): string {
  const bytes = Buffer.from(printable(value, maxBytes), "utf8");
  if (bytes.length <= maxBytes) return bytes.toString("utf8");
  return `${bytes.toString("utf8", 0, maxBytes - 3).replace(/\ufffd+$/, "")}…`;
}
