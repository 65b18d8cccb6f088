/**
 * Audit rows, written in the transaction of the change. The rows of one subject form a chain: each has the
 * hash of the previous one, so that an edited, removed or moved row is detectable. A chain alone does not reveal that
 * its last rows were removed, or that all of it was rewritten.
 */
import { canonicalJson, sha256 } from "./canonical-json.ts";

/** The subject of an audit chain or an event. */
export interface Subject {
  /** Such as `instance`; `[a-z-]+`. */
  readonly kind: string;
  readonly id: string;
}

/** `Action`: the names of the domain's changes. */
export interface AuditEntry<Action extends string = string> {
  readonly subject: Subject;
  /** Epoch milliseconds. */
  readonly at: number;
  /** The principal's key, or `muster` for actions of the server itself. */
  readonly actor: string;
  readonly action: Action;
  /** Facts by name, such as `attempt_id`, `reason`. No secrets. */
  readonly detail: Readonly<Record<string, string>>;
}

export interface AuditRow extends AuditEntry {
  /** From 1, gapless within a subject. */
  readonly sequence: number;
  /** Hex SHA-256 of the previous row; empty for the first. */
  readonly previousHash: string;
  /** Hex SHA-256 of everything else in the row. */
  readonly hash: string;
}

export interface Audit<Action extends string = string> {
  /** Appends to the subject's chain. The caller holds the lock of the subject's row, or may be run again. */
  append(entry: AuditEntry<Action>): Promise<void>;
  /** The subject's chain, in order. */
  list(subject: Subject): Promise<readonly AuditRow[]>;
}

/** One kind of audited subject, as whoever is allowed to reads it. */
export interface AuditedKind {
  readonly kind: string;
  /** The chain of one subject. Rejects with `not_found` when there is none, or it is another tenant's. */
  chain(id: string, tenant: string): Promise<readonly AuditRow[]>;
}

/** A subject as one unique text. For an instance it is the service id, which has no slash: rows from before there were kinds have it too. */
export function subjectText({ kind, id }: Subject): string {
  return kind === "instance" ? id : `${kind}/${id}`;
}

/** The row that follows `last` in a chain. */
export function chained(entry: AuditEntry, last: Pick<AuditRow, "sequence" | "hash"> | undefined): AuditRow {
  const row = { ...entry, sequence: (last?.sequence ?? 0) + 1, previousHash: last?.hash ?? "" };
  return { ...row, hash: hashOf(row) };
}

/** The sequence of the first invalid row, or undefined when the chain is intact. */
export function firstBroken(chain: readonly AuditRow[]): number | undefined {
  let previousHash = "";
  for (const [index, { hash, ...row }] of chain.entries()) {
    if (row.sequence !== index + 1 || row.previousHash !== previousHash || hashOf(row) !== hash) return index + 1;
    previousHash = hash;
  }
  return undefined;
}

function hashOf({ subject, at, actor, action, detail, sequence, previousHash }: Omit<AuditRow, "hash">): string {
  return sha256(canonicalJson({ subject: subjectText(subject), at, actor, action, detail, sequence, previousHash }));
}
