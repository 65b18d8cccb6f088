/** A place where Musters run, one after another or side by side, with a view on everything behind them from outside. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createPool, type RowDataPacket } from "mysql2/promise";
import type { KafkaTail } from "../support/kafka-tail.ts";
import { embeddedBacking, execute, realBacking, type Environment } from "../support/muster.ts";
import type { RealServers } from "../support/real-servers.ts";

export type Row = Readonly<Record<string, unknown>>;

/** What a Consul agent holds for one instance: ids of entries, and of each check whose it is and its state. */
export interface Held {
  readonly entries: readonly string[];
  readonly checks: readonly { readonly of: string; readonly status: string }[];
}

export interface Site extends AsyncDisposable {
  readonly env: Environment;
  /** Reads the database, also while a Muster has it open. */
  query(sql: string, values?: readonly (string | number)[]): Promise<readonly Row[]>;
  /** What is held under a service id or for one of these attempts; undefined where the catalog is inside the process. */
  held(serviceId: string, attemptIds: readonly string[]): Promise<Held | undefined>;
  /** Attempts whose entries consumers are shown under a name; undefined as above. */
  discovered(name: string): Promise<readonly Discovered[] | undefined>;
  /** State of a version in the schema registry; undefined when it does not exist. */
  schemaState(artifactId: string, version: string): Promise<string | undefined>;
  /** Ids of the events delivered for a key, in the order of their first delivery. */
  delivered(key: string): Promise<readonly string[]>;
  /** Ends what a dead replica holds for longer than a test wants to wait: the relay's lease and those of tasks. */
  passTime(): Promise<void>;
}

export interface Discovered {
  readonly attemptId: string;
  /** As in the request. */
  readonly tags: readonly string[];
}

/** Embedded everything. `passTime` only while no Muster runs. */
export async function embeddedSite(): Promise<Site> {
  const backing = await embeddedBacking();
  const file = (backing.env["MUSTER_STORE"] ?? "").replace(/^sqlite:/, "");

  // A running Muster keeps the file locked, so a copy is read. Nothing is moved from the log into the file before the
  // log has 1000 pages, more than a test writes: file and log need not be of the same instant.
  async function query(sql: string, values: readonly (string | number)[] = []): Promise<readonly Row[]> {
    const directory = await mkdtemp(join(tmpdir(), "muster-copy-"));
    try {
      const copy = join(directory, "copy.db");
      await cp(file, copy);
      await cp(`${file}-wal`, `${copy}-wal`, { force: true }).catch(() => undefined);
      using database = new DatabaseSync(copy);
      return database.prepare(sql).all(...values);
    } finally {
      await rm(directory, { recursive: true });
    }
  }

  return {
    env: backing.env,
    query,
    held: async () => undefined,
    discovered: async () => undefined,
    async schemaState(artifactId, version) {
      const [row] = await query("select enabled from registry_versions where artifact_id = ? and version = ?", [artifactId, version]);
      return row && (row["enabled"] === 1 ? "ENABLED" : "DISABLED");
    },
    delivered: async (key) => distinct(await query("select id from event_log where event_key = ? order by position", [key])),
    async passTime() {
      using database = new DatabaseSync(file);
      for (const sql of ends) database.exec(sql);
    },
    [Symbol.asyncDispose]: () => backing[Symbol.asyncDispose](),
  };
}

/** The four real servers, with a database of its own. */
export async function realSite(servers: RealServers, tail: KafkaTail): Promise<Site> {
  const backing = await realBacking(servers);
  const pool = createPool({ uri: backing.databaseUrl, connectionLimit: 2 });

  async function consul<T>(path: string): Promise<T> {
    const answer = await fetch(`${servers.consul}/v1/${path}`);
    if (!answer.ok) throw new Error(`Consul answered ${answer.status}`);
    return (await answer.json()) as T;
  }

  return {
    env: backing.env,
    async query(sql, values = []) {
      const [rows] = await pool.query<RowDataPacket[]>(sql, [...values]);
      return rows.map((row) => ({ ...row }));
    },
    async held(serviceId, attemptIds) {
      type Service = { readonly ID: string; readonly Meta: Readonly<Record<string, string>> | null };
      type Check = { readonly CheckID: string; readonly ServiceID: string; readonly Status: string };
      const [services, checks] = await Promise.all([consul<Record<string, Service>>("agent/services"), consul<Record<string, Check>>("agent/checks")]);
      const isOurs = (id: string) => id === serviceId || id.startsWith(`${serviceId}@`);
      const isOfAttempt = (text: string) => attemptIds.some((id) => text.includes(id));
      return {
        entries: Object.values(services)
          .filter(({ ID, Meta }) => isOurs(ID) || isOfAttempt(JSON.stringify(Meta)))
          .map(({ ID }) => ID),
        checks: Object.values(checks)
          .filter(({ CheckID, ServiceID }) => isOurs(ServiceID) || isOfAttempt(CheckID))
          .map(({ ServiceID, Status }) => ({ of: ServiceID, status: Status })),
      };
    },
    async discovered(name) {
      type Health = { readonly Service: { readonly Tags: readonly string[]; readonly Meta: Readonly<Record<string, string>> } };
      const found = await consul<readonly Health[]>(`health/service/${encodeURIComponent(name)}?passing&consistent`);
      return found.map(({ Service }) => ({ attemptId: Service.Meta["registration-id"] ?? "", tags: Service.Tags.filter((tag) => tag !== "module") }));
    },
    async schemaState(artifactId, version) {
      const answer = await fetch(`${servers.apicurio}/groups/ai.pipestream.schemas/artifacts/${encodeURIComponent(artifactId)}/versions/${version}`);
      if (answer.status === 404) return undefined;
      if (!answer.ok) throw new Error(`Apicurio answered ${answer.status}`);
      return ((await answer.json()) as { readonly state: string }).state;
    },
    delivered: async (key) => tail.ids(key),
    async passTime() {
      for (const sql of ends) await execute(backing.databaseUrl, sql);
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await backing[Symbol.asyncDispose]();
    },
  };
}

const ends = ["update leases set expires_at = 0", "update tasks set due_at = 0"];

function distinct(rows: readonly Row[]): readonly string[] {
  return [...new Set(rows.map(({ id }) => String(id)))];
}

/** Sites for tests that run side by side: one is opened when none is free. A site whose user failed is closed, not used again. */
export function sitePool<S extends AsyncDisposable>(open: () => Promise<S>): { use(user: (site: S) => Promise<void>): Promise<void> } & AsyncDisposable {
  const free: S[] = [];
  return {
    async use(user) {
      const site = free.pop() ?? (await open());
      try {
        await user(site);
      } catch (error) {
        await site[Symbol.asyncDispose]();
        throw error;
      }
      free.push(site);
    },
    async [Symbol.asyncDispose]() {
      for (const site of free.splice(0)) await site[Symbol.asyncDispose]();
    },
  };
}
