import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { embeddedBacking } from "../support/muster.ts";
import { siteEnv, type Site, type View } from "./site.ts";

/** Embedded everything: one Muster at a time. A new one knows that the leases of the former are void. */
export async function embeddedSite(): Promise<Site> {
  const backing = await embeddedBacking();
  const file = (backing.env["MUSTER_STORE"] ?? "").replace(/^sqlite:/, "");
  return {
    env: { ...siteEnv, ...backing.env },
    look: () => lookAt(file),
    passTime: async () => undefined,
    [Symbol.asyncDispose]: () => backing[Symbol.asyncDispose](),
  };
}

/**
 * At a copy: a running Muster keeps the file locked. File and log need not be of the same instant, since nothing is moved
 * from the log into the file before the log has 1000 pages, more than a test writes.
 */
async function lookAt(file: string): Promise<View> {
  const directory = await mkdtemp(join(tmpdir(), "muster-copy-"));
  const copy = join(directory, "copy.db");
  await cp(file, copy);
  await cp(`${file}-wal`, `${copy}-wal`).catch(() => undefined);
  const database = new DatabaseSync(copy);
  const query: View["query"] = async (sql, values = []) => database.prepare(sql).all(...values);
  return {
    query,
    held: async () => undefined,
    discovered: async () => undefined,
    async schemaState(artifactId, version) {
      const [row] = await query("select enabled from registry_versions where artifact_id = ? and version = ?", [artifactId, version]);
      return row && (row["enabled"] === 1 ? "ENABLED" : "DISABLED");
    },
    async delivered(key) {
      const found = await query("select id from event_log where event_key = ? order by position", [key]);
      return [...new Set(found.map(({ id }) => String(id)))];
    },
    async [Symbol.asyncDispose]() {
      database.close();
      await rm(directory, { recursive: true });
    },
  };
}
