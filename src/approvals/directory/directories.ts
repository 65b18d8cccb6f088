/**
 * Who exists, for inbox, explanation and satisfiability. The newest version in the store is what every replica uses, and goes
 * on using while source or store are away.
 */
import type { Log } from "../../kernel/log.ts";
import type { LoopSpec } from "../../kernel/loop.ts";
import type { Measures, Meter } from "../../kernel/meter.ts";
import type { Store } from "../../kernel/ports.ts";
import type { Directory } from "../types.ts";
import { directoryFailures, directoryVersion } from "./metrics.ts";
import { publish } from "./publish.ts";
import type { DirectoryTx } from "./records.ts";
import type { DirectoryContent, DirectorySource } from "./source.ts";

export interface Directories {
  /**
   * The directory of a tenant. `unknown`: it cannot be read and never was. Undefined: there is none, credentials alone say who
   * is who. A tenant of which nothing is said has nobody, as version 0.
   */
  of(tenant: string): Directory | "unknown" | undefined;
  /** The tenants of which the directory says something. */
  tenants(): readonly string[];
  /** Looks at source and store. True when it is to be done again at once; rejects when the store is away. */
  round(): Promise<boolean>;
  /** None where there is no directory. */
  readonly loops: readonly LoopSpec[];
  readonly measures: Measures;
}

export interface DirectoryOptions {
  readonly store: Store<DirectoryTx>;
  /** Undefined where no directory is configured. */
  readonly source: DirectorySource | undefined;
  readonly log: Log;
  readonly meter: Meter;
}

const everyMs = 1_000;

export function createDirectories({ store, source, log, meter }: DirectoryOptions): Directories {
  const inUse = new Map<string, Directory>();
  /** What the source had when it was last made a version. */
  let published: DirectoryContent | undefined;
  let isLoaded = false;

  /** True when another replica wrote at the same moment. */
  async function publishNew(from: DirectorySource): Promise<boolean> {
    await from.look();
    const content = from.current();
    if (content === undefined || content === published) return false;
    const changes = await store.tx((tx) => publish(tx, content));
    if (changes === undefined) return true;
    published = content;
    isLoaded = false;
    for (const { isStale, ...change } of changes) {
      if (isStale) log("warn", "directory.stale", { ...change, message: "its content is that of an older version, from before this one, which stays in use" });
      else log("info", "directory.version", change);
    }
    return false;
  }

  async function load(): Promise<void> {
    // Nobody else writes to a store that is exclusively ours.
    if (isLoaded && store.exclusive) return;
    const heads = await store.tx((tx) => tx.directories.heads());
    for (const { tenant, version } of heads) {
      if (inUse.get(tenant)?.version === version) continue;
      const found = await store.tx((tx) => tx.directories.find(tenant, version));
      if (found) inUse.set(tenant, { version, ...found.document });
    }
    isLoaded = true;
    meter.set(directoryVersion, {}, Math.max(0, ...[...inUse.values()].map(({ version }) => version)));
  }

  async function round(): Promise<boolean> {
    if (source === undefined) return false;
    const again = await publishNew(source);
    await load();
    return again;
  }

  return {
    of: (tenant) => (source === undefined ? undefined : inUse.size === 0 ? "unknown" : (inUse.get(tenant) ?? { version: 0, members: [] })),
    tenants: () => [...inUse.keys()],
    round,
    loops: source === undefined ? [] : [{ name: "directory", everyMs, round }],
    measures: { metrics: [directoryFailures, directoryVersion] },
  };
}
