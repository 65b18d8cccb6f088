import { cp, mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { embeddedBacking } from "../support/muster.ts";
import { siteBase, type Site, type View } from "./site.ts";

/** Embedded everything: one Muster at a time. A new one knows that the leases of the former are void. */
export async function embeddedSite(): Promise<Site> {
  const base = await siteBase();
  const backing = await embeddedBacking();
  const file = (backing.env["MUSTER_STORE"] ?? "").replace(/^sqlite:/, "");
  return {
    ...base,
    env: { ...base.env, ...backing.env },
    look: () => lookAt(file),
    passTime: async () => undefined,
    async [Symbol.asyncDispose]() {
      await backing[Symbol.asyncDispose]();
      await base[Symbol.asyncDispose]();
    },
  };
}

/** At a copy: a running Muster keeps the file locked. */
async function lookAt(file: string): Promise<View> {
  const directory = await mkdtemp(join(tmpdir(), "muster-copy-"));
  const copy = join(directory, "copy.db");
  // The log only grows, and says all, until its pages are moved into the file: then both have changed.
  for (let former = "", now = await stampOf(file); former !== now; now = await stampOf(file)) {
    former = now;
    await cp(`${file}-wal`, `${copy}-wal`).catch(() => undefined);
    await cp(file, copy);
  }
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
    reached: "log_position",
    async delivered(key) {
      const found = await query("select id from outbox where event_key = ? and log_position is not null order by log_position", [key]);
      return found.map(({ id }) => String(id));
    },
    async [Symbol.asyncDispose]() {
      database.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** Changes when pages are moved from the log into the file, or the log begins anew. */
async function stampOf(file: string): Promise<string> {
  const { mtimeMs } = await stat(file);
  const log = await open(`${file}-wal`).catch(() => undefined);
  if (log === undefined) return String(mtimeMs);
  try {
    const { buffer } = await log.read(Buffer.alloc(32), 0, 32, 0);
    return `${mtimeMs} ${buffer.toString("hex")}`;
  } finally {
    await log.close();
  }
}
