/** Text forms of policies; pure. */
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import { PolicySeverity, PolicyStatus, type PolicyProblem, type PolicyVersion } from "../../../gen/muster/approval/v1/policy_service_pb.ts";
import { printable } from "../../kernel/log.ts";
import { nameOf } from "../frame/names.ts";
import type { Style } from "../frame/style.ts";
import { table, type Cell } from "../frame/table.ts";
import { age } from "../frame/times.ts";

/** One finding in a policy's text. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
  readonly severity: "error" | "warning";
}

/** `registration.yaml:7:43: error: stages[0].requirements[0].need: …` */
export function findingLine({ file, line, column, path, message, severity }: Finding, style: Style): string {
  const weight = severity === "error" ? style.bad(severity) : style.warn(severity);
  const field = path === "" ? "" : `${style.bold(printable(path))}: `;
  return `${printable(file)}:${line}:${column}: ${weight}: ${field}${printable(message)}\n`;
}

export function findingOf({ line, column, path, message, severity }: PolicyProblem, file: string): Finding {
  return { file, line, column, path, message, severity: severity === PolicySeverity.ERROR ? "error" : "warning" };
}

/** `registration version 3 (DRAFT)` */
export function versionText({ key, version, status }: PolicyVersion): string {
  return `${printable(key)} version ${version} (${nameOf(PolicyStatus, status)})`;
}

export function policyTable(policies: readonly PolicyVersion[], nowMs: number, style: Style, columns?: number): string {
  return table({
    heads: ["POLICY", "VERSION", "STATUS", "SUBJECT", "SINCE", "BY", "DIGEST"],
    rows: policies.map((policy) => rowOf(policy, nowMs, style)),
    bold: style.bold,
    narrow: { drop: ["DIGEST", "BY", "SUBJECT"], shorten: "POLICY" },
    ...(columns === undefined ? {} : { columns }),
  });
}

function rowOf(policy: PolicyVersion, nowMs: number, style: Style): readonly Cell[] {
  const { key, version, status, subjectType, digest } = policy;
  const [at, by] = lastChange(policy);
  const text = nameOf(PolicyStatus, status);
  const paint = status === PolicyStatus.ACTIVE ? style.good : status === PolicyStatus.DRAFT ? style.warn : style.dim;
  return [key, String(version), { text, paint }, subjectType, age(at && timestampMs(at), nowMs), by, digest.slice(0, 12)];
}

function lastChange({ createdAt, createdBy, activatedAt, activatedBy, archivedAt, archivedBy }: PolicyVersion): readonly [Timestamp | undefined, string] {
  if (archivedAt) return [archivedAt, archivedBy];
  return activatedAt ? [activatedAt, activatedBy] : [createdAt, createdBy];
}
