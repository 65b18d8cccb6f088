import { openMysql, type MysqlOptions } from "./engine/mysql.ts";
import { storePart, type MusterStore } from "./parts.ts";

/** Opens the shared store; rejects as `openMysql` does. */
export function openMysqlStore(options: MysqlOptions): Promise<MusterStore> {
  return openMysql(options, storePart);
}
