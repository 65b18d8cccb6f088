/** The differences of the two databases. Everything else is written once, in the repositories. */
import { sql, type Kysely, type RawBuilder } from "kysely";
import type { DomainError } from "../../kernel/errors.ts";

export interface StoreDialect {
  /** The database's clock now, epoch milliseconds, as an SQL expression. */
  now(): RawBuilder<number>;
  /** False where one transaction runs at a time, so that there is nothing to lock and no syntax for it. */
  readonly rowLocks: boolean;
  /** A unique key refused the row. The statement had no effect, the transaction is still usable. */
  isDuplicate(error: unknown): boolean;
  /** The transaction was the victim of a concurrent one: a rerun from its start can succeed. */
  isTransient(error: unknown): boolean;
  /** The DomainError for a driver's error; undefined for any other error. */
  translate(error: unknown): DomainError | undefined;
}

/** What a repository works with: the open transaction, typed by the tables it uses, and the dialect. */
export interface Session<Tables = unknown> {
  readonly db: Kysely<Tables>;
  readonly dialect: StoreDialect;
  /** As `CoreTx.afterCommit`. */
  readonly afterCommit: (work: () => void) => void;
}

/** The same session for these tables. Kysely's own way to say so makes a copy, and every transaction would make six. */
export function sessionOn<Tables>(session: Session): Session<Tables> {
  return session as Session<unknown> as Session<Tables>;
}

interface Lockable<Q> {
  forShare(): Q;
  forUpdate(): Q;
  skipLocked(): Q;
}

/** Locks the rows that a query finds until the transaction ends, waiting for other locks. */
export function forUpdate<Q extends Lockable<Q>>(dialect: StoreDialect, query: Q): Q {
  return dialect.rowLocks ? query.forUpdate() : query;
}

/** Keeps others from changing the rows that a query finds until the transaction ends, waiting for their locks. */
export function forShare<Q extends Lockable<Q>>(dialect: StoreDialect, query: Q): Q {
  return dialect.rowLocks ? query.forShare() : query;
}

/** Locks the rows that a query finds, skipping locked ones. */
export function skippingLocked<Q extends Lockable<Q>>(dialect: StoreDialect, query: Q): Q {
  return dialect.rowLocks ? query.forUpdate().skipLocked() : query;
}

/** The database's clock `ms` from now. */
export function fromNow(dialect: StoreDialect, ms: number): RawBuilder<number> {
  return sql<number>`${dialect.now()} + ${ms}`;
}
