/** A domain's part of the store: its tables by their migrations, and its repositories in an open transaction. */
import type { Migration } from "./migrate.ts";
import type { Session } from "./dialect.ts";

export interface StorePart<Tx> {
  readonly migrations: readonly Migration[];
  /** The repositories of one transaction. */
  repositories(session: Session): Tx;
}

/** Both parts in one store, each transaction with the repositories of both; migrations run in the order of their names. */
export function joinParts<A, B>(a: StorePart<A>, b: StorePart<B>): StorePart<A & B> {
  return {
    migrations: [...a.migrations, ...b.migrations].toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    repositories: (session) => ({ ...a.repositories(session), ...b.repositories(session) }),
  };
}
