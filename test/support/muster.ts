/** Muster as its users have it: a process of its own, configured by its environment. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { isInProcess, startInProcess } from "./in-process.ts";
import type { RealServers } from "./real-servers.ts";

export interface MusterProcess extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
  readonly pid: number;
  /** Everything it wrote to stderr so far. */
  logged(): string;
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export type Environment = Readonly<Record<string, string>>;

const entry = new URL("../../bin/muster.js", import.meta.url).pathname;
/** Programs of the tests start as quickly as Muster does: there are hundreds of starts. */
const quickly = ["--import", new URL("../../bin/quick-start.js", import.meta.url).pathname];

/** Starts `program` (by default `muster serve`) on a free port and waits until it listens; rejects with what it wrote when it ends before. */
export async function startMuster(env: Environment, program?: readonly string[]): Promise<MusterProcess> {
  const { listening, ...muster } = spawnMuster(env, program);
  return { ...muster, address: await listening };
}

/** A Muster that may end before it listens; `listening` has its address, or rejects with what it wrote. */
export function spawnMuster(env: Environment, program?: readonly string[]): Omit<MusterProcess, "address"> & { readonly listening: Promise<string> } {
  // Hundreds of Musters are killed in these suites, and what Consul keeps of each is a minute's work for it.
  const settings = { MUSTER_LISTEN: "127.0.0.1:0", MUSTER_LOG_FORMAT: "json", MUSTER_SELF_REGISTER: "off", ...env };
  if (isInProcess && !program) return startInProcess(settings);
  const child = spawn(process.execPath, program ? [...quickly, ...program] : [entry, "serve"], {
    env: { PATH: process.env["PATH"] ?? "", ...settings },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines: string[] = [];
  // "close" comes when all it wrote is read.
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const listening = Promise.race([addressOf(child, lines), ended.then((code) => Promise.reject(new Error(`muster ended with ${code}:\n${lines.join("\n")}`)))]);
  listening.catch(() => undefined);
  return {
    listening,
    pid: child.pid ?? 0,
    logged: () => lines.join("\n"),
    signal: (signal) => child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}

function addressOf(child: ChildProcess, lines: string[]): Promise<string> {
  return new Promise((resolve) => {
    if (!child.stderr) return;
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      const port = /"event":"server.listening","host":"127.0.0.1","port":(\d+)/.exec(line)?.[1];
      if (port) resolve(`127.0.0.1:${port}`);
    });
  });
}

export interface Backing extends AsyncDisposable {
  readonly env: Environment;
}

/** Embedded everything, in a directory of its own. */
export async function embeddedBacking(): Promise<Backing> {
  const directory = await mkdtemp(join(tmpdir(), "muster-test-"));
  return {
    env: { MUSTER_STORE: `sqlite:${join(directory, "muster.db")}` },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** The four real servers, with a database of its own. */
export async function realBacking(servers: Pick<RealServers, "mysql" | "consul" | "apicurio" | "kafka">): Promise<Backing & { readonly databaseUrl: string }> {
  const database = await createDatabase(servers.mysql);
  return {
    databaseUrl: database.url,
    env: {
      MUSTER_STORE: database.url,
      MUSTER_CATALOG: `consul+${servers.consul}`,
      MUSTER_SCHEMAS: `apicurio+${servers.apicurio}`,
      MUSTER_EVENTS: `kafka://${servers.kafka}`,
    },
    [Symbol.asyncDispose]: () => database.drop(),
  };
}

/** A new, empty MySQL database; `drop` removes it. */
export async function createDatabase(url: string): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const name = `muster_t${process.pid}_${crypto.randomUUID().slice(0, 8)}`;
  await execute(url, `CREATE DATABASE ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { url: own.href, drop: () => execute(url, `DROP DATABASE IF EXISTS ${name}`) };
}

/** One statement on a connection of its own. */
export async function execute(url: string, sql: string): Promise<void> {
  const connection = await createConnection(url);
  try {
    await connection.query(sql);
  } finally {
    await connection.end();
  }
}

/** The rows of one query on a connection of its own. */
export async function query(url: string, sql: string, values: readonly unknown[] = []): Promise<readonly Record<string, unknown>[]> {
  const connection = await createConnection(url);
  try {
    const [rows] = await connection.query(sql, [...values]);
    return Array.isArray(rows) ? rows.map((row) => ({ ...row }) as Record<string, unknown>) : [];
  } finally {
    await connection.end();
  }
}
