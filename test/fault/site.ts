/** A place where Musters run, one after another or side by side, with a view on everything behind them from outside. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Environment } from "../support/muster.ts";

export type Row = Readonly<Record<string, unknown>>;

/** What a Consul agent holds for one instance: ids of entries, and of each check whose it is and its state. */
export interface Held {
  readonly entries: readonly string[];
  readonly checks: readonly { readonly of: string; readonly status: string }[];
}

/** An entry that consumers are shown. */
export interface Discovered {
  readonly attemptId: string;
  /** As in the request. */
  readonly tags: readonly string[];
}

/** The backends at one moment. */
export interface View extends AsyncDisposable {
  query(sql: string, values?: readonly (string | number)[]): Promise<readonly Row[]>;
  /** What is held under a service id or for one of these attempts; undefined where the catalog is inside the process. */
  held(serviceId: string, attemptIds: readonly string[]): Promise<Held | undefined>;
  /** The passing entries of a name; undefined as above. */
  discovered(name: string): Promise<readonly Discovered[] | undefined>;
  /** State of a version in the schema registry; undefined when it does not exist. */
  schemaState(artifactId: string, version: string): Promise<string | undefined>;
  /** The column of the outbox that is null until an event has got where it goes: without a sink, into the log. */
  readonly reached: "published_at" | "log_position";
  /** Ids of the events delivered for a key, in the order of their first delivery. */
  delivered(key: string): Promise<readonly string[]>;
}

export interface Site extends AsyncDisposable {
  /** For every Muster here. */
  readonly env: Environment;
  /** Read by those that follow a script: see `crash-server.ts`. */
  readonly scriptFile: string;
  look(): Promise<View>;
  /** Ends what a dead replica holds for longer than a test wants to wait: the relay's lease and those of tasks. */
  passTime(): Promise<void>;
}

/** What every site has in common: a directory for the script, removed with `dispose`, and an environment. */
export async function siteBase(): Promise<Pick<Site, "env" | "scriptFile"> & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), "muster-site-"));
  const scriptFile = join(directory, "script.json");
  return {
    scriptFile,
    env: {
      CRASH_SCRIPT: scriptFile,
      // Attempts are taken over after a second.
      MUSTER_ATTEMPT_LEASE: "1s",
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Places for tests that run side by side: one is opened when none is free. One whose user failed is closed, not used again. */
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
