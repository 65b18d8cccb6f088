/**
 * Who changed what, written in the transaction of the change. The rows of one subject form a chain: each carries the
 * hash of the one before, so that a row that was edited, taken out or moved shows. What a chain alone cannot show is that
 * its last rows were cut off, or that all of it was written anew.
 */
import { canonicalJson, sha256 } from "../registration/service-id.ts";

export type AuditAction = "REGISTRATION_STARTED" | "REGISTERED" | "REGISTRATION_FAILED" | "CANCEL_REQUESTED" | "UNREGISTERED" | "TAGS_UPDATED";

export interface AuditEntry {
  /** What was changed: a service id. */
  readonly subject: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** The principal's name, or `muster` for what the server did by itself. */
  readonly actor: string;
  readonly action: AuditAction;
  /** Facts by name, such as `attempt_id`, `reason`. No secrets. */
  readonly detail: Readonly<Record<string, string>>;
}

export interface AuditRow extends AuditEntry {
  /** From 1, gapless within a subject. */
  readonly sequence: number;
  /** Hex SHA-256 of the row before; empty for the first. */
  readonly previousHash: string;
  /** Hex SHA-256 of everything else in the row. */
  readonly hash: string;
}

export interface Audit {
  /** Appends to the subject's chain. The caller holds the lock of the subject's row, or may be run again. */
  append(entry: AuditEntry): Promise<void>;
  /** The subject's chain, in order. */
  list(subject: string): Promise<readonly AuditRow[]>;
}

/** The row that follows `last` in a chain. */
export function chained(entry: AuditEntry, last: Pick<AuditRow, "sequence" | "hash"> | undefined): AuditRow {
  const row = { ...entry, sequence: (last?.sequence ?? 0) + 1, previousHash: last?.hash ?? "" };
  return { ...row, hash: hashOf(row) };
}

/** The sequence of the first row that is not what was written, or undefined when the chain holds. */
export function firstBroken(chain: readonly AuditRow[]): number | undefined {
  let previousHash = "";
  for (const [index, { hash, ...row }] of chain.entries()) {
    if (row.sequence !== index + 1 || row.previousHash !== previousHash || hashOf(row) !== hash) return index + 1;
    previousHash = hash;
  }
  return undefined;
}

function hashOf({ subject, at, actor, action, detail, sequence, previousHash }: Omit<AuditRow, "hash">): string {
  return sha256(canonicalJson({ subject, at, actor, action, detail, sequence, previousHash }));
}
