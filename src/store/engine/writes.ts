/**
 * Writes whose result nobody reads. MySQL is sent them together with the next statement or the commit, in one round trip, and it is
 * that which fails when one of them does, also on a unique key: the transaction is then rolled back. SQLite runs them at once.
 */
import { CompiledQuery, type Insertable, type Kysely } from "kysely";

/** How a driver tells them. */
interface UnreadQuery extends CompiledQuery {
  readonly isUnread: true;
}

export function isUnread(query: CompiledQuery): query is UnreadQuery {
  return "isUnread" in query;
}

export async function write<Tables>(db: Kysely<Tables>, query: CompiledQuery): Promise<void> {
  const unread: UnreadQuery = { ...query, isUnread: true };
  await db.executeQuery(unread);
}

/** Of one statement: SQLite takes 32 766, MySQL 65 535. */
const mostValues = 30_000;

/** Inserts rows of plain values, all with the columns of the first, in as few statements as there can be. Their text is made without the query builder. */
export async function insertRows<Tables, T extends keyof Tables & string>(db: Kysely<Tables>, table: T, rows: readonly Insertable<Tables[T]>[]): Promise<void> {
  const [first] = rows;
  if (!first) return;
  const columns = Object.keys(first) as (keyof Insertable<Tables[T]> & string)[];
  const most = Math.floor(mostValues / columns.length);
  for (let from = 0; from < rows.length; from += most) {
    const some = rows.slice(from, from + most);
    const values = some.flatMap((row) => columns.map((column) => row[column]));
    await write(db, CompiledQuery.raw(insertion(table, columns, some.length), values));
  }
}

const texts = new Map<string, { readonly head: string; readonly row: string }>();

function insertion(table: string, columns: readonly string[], count: number): string {
  const name = `${table} ${columns.join()}`;
  const { head, row } = texts.get(name) ?? {
    head: `insert into ${table} (${columns.map((column) => `\`${column}\``).join(", ")}) values `,
    row: `(${columns.map(() => "?").join(", ")})`,
  };
  texts.set(name, { head, row });
  return head + `${row}, `.repeat(count - 1) + row;
}
