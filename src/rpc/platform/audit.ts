/** `muster.audit.v1.AuditService`: the audit of all domains. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import { AuditService, ExportAuditResponseSchema, type ExportAuditRequest, type ExportAuditResponse } from "../../../gen/muster/audit/v1/audit_service_pb.ts";
import type { AuditedKind } from "../../kernel/audit.ts";
import { type FieldViolation, invalidFields } from "../../kernel/errors.ts";
import { served, type ServedService } from "../transport/served.ts";
import { callerOf } from "./caller.ts";

const maxIdLength = 512;

export function auditService(kinds: readonly AuditedKind[]): ServedService {
  return served(AuditService, {
    exportAudit: { access: "operator", life: "work", onDrain: "finish", call: (request, context) => exportAudit(kinds, request, context) },
  });
}

async function* exportAudit(kinds: readonly AuditedKind[], { kind, id }: ExportAuditRequest, context: HandlerContext): AsyncGenerator<ExportAuditResponse> {
  const audited = kinds.find((one) => one.kind === kind);
  const fields: FieldViolation[] = [];
  if (!audited) fields.push({ field: "kind", description: `must be one of ${kinds.map((one) => one.kind).join(", ")}` });
  if (id === "" || id.length > maxIdLength) fields.push({ field: "id", description: `must be 1 to ${maxIdLength} characters` });
  if (!audited || fields.length > 0) throw invalidFields(fields);
  for (const { subject, at, sequence, ...row } of await audited.chain(id, callerOf(context).tenant)) {
    yield create(ExportAuditResponseSchema, { row: { ...row, ...subject, at: timestampFromMs(at), sequence: BigInt(sequence), detail: { ...row.detail } } });
  }
}
