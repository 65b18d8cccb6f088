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
};
