/** The column types and table options of each database, so that a migration is written once. */

export interface Ddl {
  /** Text that is compared or indexed, at most `length` characters: case, accents and trailing spaces count. */
  key(length: number): string;
  /** Text of any length, kept byte for byte. */
  readonly text: string;
  readonly bytes: string;
  /** 64 bits; epoch milliseconds and counters. */
  readonly integer: string;
  /** The column definition of an auto-increment primary key. */
  readonly serial: string;
  /**
   * Statements that create a table and its plain indexes (name to columns) and that may be rerun after an
   * interruption, since not every database rolls back a partial migration.
   */
  table(name: string, columns: readonly string[], indexes?: Readonly<Record<string, string>>): readonly string[];
  /** Statements that add columns (name to definition) to a table of an earlier migration; may be rerun. */
  addColumns(table: string, columns: Readonly<Record<string, string>>): readonly string[];
  /** Statements that add indexes (name to columns) to a table of an earlier migration; may be rerun. A unique index treats all nulls as different. */
  addIndexes(table: string, indexes: Readonly<Record<string, string>>, unique?: "unique"): readonly string[];
  /** Statements that drop an index; may be rerun. */
  dropIndex(table: string, index: string): readonly string[];
}

export const sqliteDdl: Ddl = {
  key: () => "text",
  text: "text",
  bytes: "blob",
  integer: "integer",
  serial: "integer primary key autoincrement",
  table: (name, columns, indexes = {}) => [`create table if not exists ${name} (${columns.join(", ")}) strict`, ...sqliteDdl.addIndexes(name, indexes)],
  // All migrations are one transaction there, so that none is ever partial.
  addColumns: (table, columns) => Object.entries(columns).map(([name, definition]) => `alter table ${table} add column ${name} ${definition}`),
  addIndexes: (table, indexes, unique) => Object.entries(indexes).map(([index, on]) => `${createIndex(unique)} if not exists ${index} on ${table} (${on})`),
  dropIndex: (_table, index) => [`drop index if exists ${index}`],
};

export const mysqlDdl: Ddl = {
  key: (length) => `varchar(${length})`,
  text: "longtext",
  bytes: "longblob",
  integer: "bigint",
  serial: "bigint primary key auto_increment",
  table: (name, columns, indexes = {}) => {
    const parts = [...columns, ...Object.entries(indexes).map(([index, on]) => `index ${index} (${on})`)];
    // 0900_bin compares code points and does not pad with spaces, unlike utf8mb4_bin.
    return [`create table if not exists ${name} (${parts.join(", ")}) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_0900_bin`];
  },
  // "if not exists" is MariaDB's alone, for columns and for indexes.
  addColumns: (table, columns) =>
    Object.entries(columns).flatMap(([name, definition]) =>
      whereThere("columns", `table_name = '${table}' and column_name = '${name}'`, 0, `alter table ${table} add column ${name} ${definition}`),
    ),
  addIndexes: (table, indexes, unique) =>
    Object.entries(indexes).flatMap(([index, on]) =>
      whereThere("statistics", `table_name = '${table}' and index_name = '${index}'`, 0, `${createIndex(unique)} ${index} on ${table} (${on})`),
    ),
  dropIndex: (table, index) =>
    whereThere("statistics", `table_name = '${table}' and index_name = '${index}' and seq_in_index = 1`, 1, `drop index ${index} on ${table}`),
};

function createIndex(unique: "unique" | undefined): string {
  return unique ? "create unique index" : "create index";
}

/** MySQL: runs `statement` if a view of the information schema has exactly `count` rows for which `where` is true. */
function whereThere(view: "columns" | "statistics", where: string, count: 0 | 1, statement: string): readonly string[] {
  const there = `select count(*) from information_schema.${view} where table_schema = database() and ${where}`;
  return [
    `set @muster_ddl = if((${there}) = ${count}, '${statement.replaceAll("'", "''")}', 'do 0')`,
    "prepare muster_ddl from @muster_ddl",
    "execute muster_ddl",
    "deallocate prepare muster_ddl",
  ];
}
