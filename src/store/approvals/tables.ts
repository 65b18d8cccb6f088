/** The tables of approvals as Kysely sees them: one interface a table, columns as they stand in the database. */

export interface DirectoryVersionTable {
  tenant: string;
  version: number;
  hash: string;
  /** JSON of a DirectoryDocument. */
  document: string;
  /** By the database's clock. */
  read_at: number;
}

export type ApprovalTables = {
  directory_version: DirectoryVersionTable;
};
