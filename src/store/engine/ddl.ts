/** The column types and table options of each database, so that a migration is written once. */

export interface Ddl {
  /** Text that is compared or indexed, at most `length` characters: case, accents and trailing spaces count. */
  key(length: number): string;
  /** Text of any length, kept byte for byte. */
  readonly text: string;
  readonly bytes: string;
  /** 64 bits; epoch milliseconds and counters. */
  readonly integer: string;
  /** The column definition of a primary key that counts up. */
  readonly serial: string;
  /**
   * Statements that make a table and its plain indexes (name to columns) and that may be run again after they were cut
   * off in the middle, since not every database takes back a half-done migration.
   */
  table(name: string, columns: readonly string[], indexes?: Readonly<Record<string, string>>): readonly string[];
  /** Statements that add columns (name to definition) to a table of an earlier migration; they, too, may be run again. */
  addColumns(table: string, columns: Readonly<Record<string, string>>): readonly string[];
  /** Statements that add an index to a table of an earlier migration; they, too, may be run again. Rows with a null are all unique. */
  addIndex(table: string, name: string, columns: string, unique?: "unique"): readonly string[];
}

export const sqliteDdl: Ddl = {
  key: () => "text",
  text: "text",
  bytes: "blob",
  integer: "integer",
  serial: "integer primary key autoincrement",
  table: (name, columns, indexes = {}) => [
    `create table if not exists ${name} (${columns.join(", ")}) strict`,
    ...Object.entries(indexes).map(([index, on]) => `create index if not exists ${index} on ${name} (${on})`),
  ],
  // All migrations are one transaction there, so that none is ever cut off.
  addColumns: (table, columns) => Object.entries(columns).map(([name, definition]) => `alter table ${table} add column ${name} ${definition}`),
  addIndex: (table, name, columns, unique = undefined) => [`create ${unique ?? ""} index if not exists ${name} on ${table} (${columns})`],
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
  // "add column if not exists" is MariaDB's alone.
  addColumns: (table, columns) =>
    Object.entries(columns).flatMap(([name, definition]) => {
      const there = `select count(*) from information_schema.columns where table_schema = database() and table_name = '${table}' and column_name = '${name}'`;
      return mysqlUnless(there, `alter table ${table} add column ${name} ${definition}`);
    }),
  addIndex: (table, name, columns, unique = undefined) => {
    const there = `select count(*) from information_schema.statistics where table_schema = database() and table_name = '${table}' and index_name = '${name}'`;
    return mysqlUnless(there, `create ${unique ?? ""} index ${name} on ${table} (${columns})`);
  },
};

/** Statements that carry `statement` out unless the query `there` counts something. */
function mysqlUnless(there: string, statement: string): readonly string[] {
  return [
    `set @muster_ddl = if((${there}) = 0, '${statement.replaceAll("'", "''")}', 'do 0')`,
    "prepare muster_ddl from @muster_ddl",
    "execute muster_ddl",
    "deallocate prepare muster_ddl",
  ];
}
