/**
 * Migrates a database to the schema of this program.
 *
 * Guarantees: migrations run in order, each once; applied ones are recorded by name and checksum. A database with a
 * migration that this program does not know, or that differs, is refused unchanged: an old program must not write to a
 * newer schema. The caller ensures that one process migrates at a time. Where schema changes are not transactional an
 * interrupted migration is rerun from its start, which its statements allow.
 */
import { createHash } from "node:crypto";
import { refused } from "../../kernel/errors.ts";
import type { Ddl } from "./ddl.ts";

export interface Migration {
  /** `NNNN-name`; never changed once released, nor is what it does. */
  readonly name: string;
  statements(ddl: Ddl): readonly string[];
  /** Writes, after the statements, what SQL cannot compute; bears being run again after it was cut off in the middle. */
  fill?(query: MigrationTarget["query"]): Promise<void>;
}

/** The database to be migrated, on one connection. */
export interface MigrationTarget {
  readonly ddl: Ddl;
  /** SQL expression of the database's clock, epoch milliseconds. */
  readonly now: string;
  query(sql: string, parameters?: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/** Runs missing migrations. Rejects with kind `wrong_state` when the database is newer than, or differs from, the known ones. */
export async function migrate(target: MigrationTarget, known: readonly Migration[]): Promise<void> {
  const { ddl } = target;
  const [create] = ddl.table("muster_migrations", [
    `name ${ddl.key(255)} not null primary key`,
    `checksum ${ddl.key(64)} not null`,
    `applied_at ${ddl.integer} not null`,
  ]);
  await target.query(create!);
  const rows = await target.query("select name, checksum from muster_migrations order by name");
  const applied = new Map(rows.map((row) => [String(row["name"]), String(row["checksum"])]));

  const plan = known.map((migration) => {
    const statements = migration.statements(ddl);
    return { ...migration, statements, checksum: createHash("sha256").update(statements.join(";\n")).digest("hex") };
  });
  const names = new Set(plan.map((step) => step.name));
  const unknown = [...applied.keys()].find((name) => !names.has(name));
  if (unknown !== undefined) {
    throw refused("store", `the database has migration ${unknown}, which this version does not know: run a newer version`);
  }
  const changed = plan.find((step) => applied.has(step.name) && applied.get(step.name) !== step.checksum);
  if (changed) throw refused("store", `migration ${changed.name} of the database is not the one this version knows`);

  for (const step of plan.filter(({ name }) => !applied.has(name))) {
    for (const statement of step.statements) await target.query(statement);
    await step.fill?.((text, parameters) => target.query(text, parameters));
    await target.query(`insert into muster_migrations (name, checksum, applied_at) values (?, ?, ${target.now})`, [step.name, step.checksum]);
  }
}
