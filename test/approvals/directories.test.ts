/** The directory from its file to what is in use: versions, replicas, and what stays in force when something cannot be read. */
import { mkdtemp, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { followFile } from "../../src/adapters/system/followed-file.ts";
import type { Directories } from "../../src/approvals/directory/directories.ts";
import type { DirectoryRepository } from "../../src/approvals/directory/records.ts";
import { unavailable } from "../../src/kernel/errors.ts";
import type { Meter } from "../../src/kernel/meter.ts";
import { openDirectories } from "../../src/open-people.ts";
import { parseTokenFile } from "../../src/rpc/platform/tokens.ts";
import type { MusterStore } from "../../src/store/parts.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";

let folder = "";
let store: MusterStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-directory-"));
  store = await openSqliteStore({ path: ":memory:" });
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const person = (name: string, more = "") => `  - {key: "t|${name}"${more}}\n`;
const people = (...names: readonly string[]) => `people:\n${names.map((name) => person(name)).join("")}`;
const long = new Date(1_000_000);

interface Replica extends Directories {
  /** `level event`, in order. */
  readonly logged: readonly string[];
  readonly measured: Readonly<Record<string, number>>;
  /** Version and names in a tenant. */
  seen(tenant?: string): unknown;
  /** Writes the file and looks until that is taken. */
  write(text: string): Promise<void>;
  /** Looks until a change is taken. */
  look(): Promise<void>;
}

/** A replica with a file of its own, which `text` is written to first; `writtenAt` is its time. */
async function replica(
  name: string,
  text: string | undefined,
  { writtenAt, on = { ...store, exclusive: false } }: { writtenAt?: Date; on?: MusterStore } = {},
): Promise<Replica> {
  const file = join(folder, name);
  if (text !== undefined) await writeFile(file, text);
  if (writtenAt) await utimes(file, writtenAt, writtenAt);
  const logged: string[] = [];
  const measured: Record<string, number> = {};
  const meter: Meter = {
    count: (metric) => void (measured[metric.name] = (measured[metric.name] ?? 0) + 1),
    set: (metric, _labels, value) => void (measured[metric.name] = value),
    observe: () => undefined,
  };
  const log = (level: string, event: string) => void logged.push(`${level} ${event}`);
  const directories = await openDirectories(
    { directory: { kind: "file", file } },
    { tokens: undefined, store: on, clock: { now: Date.now, sleep: never }, log, meter },
  );
  const look = async () => {
    await directories.round();
    await directories.round();
  };
  return {
    ...directories,
    logged,
    measured,
    look,
    seen(tenant = "default") {
      const found = directories.of(tenant);
      return typeof found === "object" ? [found.version, ...found.members.map((member) => member.name)] : found;
    },
    async write(next) {
      await writeFile(file, next);
      await look();
    },
  };
}

/** The store as other replicas use it, too, with another repository of the directory. */
function withDirectories(changed: (directories: DirectoryRepository) => DirectoryRepository): MusterStore {
  return { ...store, exclusive: false, tx: (work) => store.tx((tx) => work({ ...tx, directories: changed(tx.directories) })) };
}

const never = () => new Promise<never>(() => undefined);

describe("the directory in use", () => {
  test("is there when the server is, and changes with its file", async () => {
    const one = await replica("one", people("amy"));
    expect(one.seen()).toEqual([1, "amy"]);
    await one.write(`stand_ins: {max: 2d}\n${people("amy", "bob")}`);
    expect(one.of("default")).toMatchObject({ version: 2, standInMaxMs: 172_800_000, members: [{ key: "t|amy" }, { key: "t|bob" }] });
    expect([one.logged, one.measured]).toEqual([["info directory.version", "info directory.read", "info directory.version"], { directory_version: 2 }]);
  });

  test("is the same version when the file says the same in other words, and after a restart", async () => {
    const one = await replica("one", people("amy", "bob"));
    await one.write(people("bob", "amy"));
    expect(one.seen()).toEqual([1, "amy", "bob"]);
    expect((await replica("one", undefined)).seen()).toEqual([1, "amy", "bob"]);
  });

  test("has people by tenant; a tenant of which nothing is said has nobody", async () => {
    const one = await replica("one", `people:\n${person("amy")}${person("bob", ", tenant: acme")}`);
    expect([one.seen(), one.seen("acme"), one.seen("other")]).toEqual([[1, "amy"], [1, "bob"], [0]]);
    await one.write(people("amy"));
    expect([one.seen(), one.seen("acme")]).toEqual([[1, "amy"], [2]]);
  });

  test.each([
    ["is broken", "people: ["],
    ["has nobody", "people: []"],
    ["is emptied", ""],
    ["is gone", undefined],
  ])("stays what it was when the file %s, with an alert, also after a restart", async (_what, text) => {
    const one = await replica("one", people("amy"));
    if (text === undefined) await rm(join(folder, "one"));
    else await writeFile(join(folder, "one"), text);
    await one.look();
    expect(one.seen()).toEqual([1, "amy"]);
    expect(one.logged.at(-1)).toBe("error directory.read-failed");
    expect(one.measured["directory_read_failures_total"]).toBe(1);
    const again = await replica("one", undefined);
    expect([again.seen(), again.logged, again.measured["directory_read_failures_total"]]).toEqual([[1, "amy"], ["error directory.read-failed"], 2]);
    await again.write(people("amy", "bob"));
    expect(again.seen()).toEqual([2, "amy", "bob"]);
  });

  test("is unknown while there never was a good one, and not empty", async () => {
    const one = await replica("one", "people: []");
    expect([one.seen(), one.seen("acme")]).toEqual(["unknown", "unknown"]);
    await one.write(people("amy"));
    expect(one.seen()).toEqual([1, "amy"]);
  });

  test("stays in use while the store is away, and what was read meanwhile is published later", async () => {
    let isAway = false;
    const on: MusterStore = { ...store, exclusive: false, tx: (work) => (isAway ? Promise.reject(unavailable("store", "scripted")) : store.tx(work)) };
    const one = await replica("one", people("amy"), { on });
    isAway = true;
    await writeFile(join(folder, "one"), people("bob"));
    for (let i = 0; i < 3; i += 1) await one.round().catch(() => undefined);
    expect(one.seen()).toEqual([1, "amy"]);
    isAway = false;
    await one.round();
    expect(one.seen()).toEqual([2, "bob"]);
  });

  test("is not read from a store of its own again while nothing changes", async () => {
    let reads = 0;
    const on: MusterStore = { ...store, exclusive: true, tx: (work) => ((reads += 1), store.tx(work)) };
    const one = await replica("one", people("amy"), { on });
    const before = reads;
    await one.look();
    expect([reads, one.seen()]).toEqual([before, [1, "amy"]]);
  });

  test("is read from a store of its own after a restart with a file that cannot be used", async () => {
    const on: MusterStore = { ...store, exclusive: true };
    await replica("one", people("amy"), { on });
    expect((await replica("one", "people: [", { on })).seen()).toEqual([1, "amy"]);
  });

  test("is read from a shared store once a version", async () => {
    let reads = 0;
    const counted = (directories: DirectoryRepository): DirectoryRepository => ({ ...directories, find: (...of) => ((reads += 1), directories.find(...of)) });
    const one = await replica("one", people("amy"), { on: withDirectories(counted) });
    await one.look();
    expect(reads).toBe(1);
    await one.write(people("bob"));
    expect([reads, one.seen()]).toEqual([2, [2, "bob"]]);
  });
});

describe("replicas", () => {
  test("that read the same have one version, and all use the newest that one of them read", async () => {
    const [one, other] = [await replica("one", people("amy")), await replica("other", people("amy"))];
    expect([one.seen(), other.seen()]).toEqual([
      [1, "amy"],
      [1, "amy"],
    ]);
    await one.write(people("amy", "bob"));
    await other.look();
    expect(other.seen()).toEqual([2, "amy", "bob"]);
    await other.write(people("amy", "bob"));
    await one.look();
    expect([one.seen(), other.seen()]).toEqual([
      [2, "amy", "bob"],
      [2, "amy", "bob"],
    ]);
  });

  test("that start with an older file do not bring it back, and say so; a file that is changed back does", async () => {
    const one = await replica("one", people("amy", "bob"));
    await one.write(people("amy"));
    const late = await replica("late", people("amy", "bob"), { writtenAt: long });
    expect([late.seen(), late.logged]).toEqual([[2, "amy"], ["warn directory.stale"]]);
    await late.look();
    await one.look();
    expect([late.seen(), one.seen()]).toEqual([
      [2, "amy"],
      [2, "amy"],
    ]);
    await one.write(people("amy", "bob"));
    await late.look();
    expect([late.seen(), one.seen()]).toEqual([
      [3, "amy", "bob"],
      [3, "amy", "bob"],
    ]);
  });

  test("that publish at the same moment do so again at once: one of them second", async () => {
    let refusals = 0;
    const refusing = (directories: DirectoryRepository): DirectoryRepository => ({
      ...directories,
      insert: async (version) => (refusals > 0 && (refusals -= 1) >= 0 ? false : directories.insert(version)),
    });
    const one = await replica("one", people("amy"), { on: withDirectories(refusing) });
    await writeFile(join(folder, "one"), people("bob"));
    expect(await one.round()).toBe(false);
    refusals = 1;
    expect(await one.round()).toBe(true);
    expect(one.seen()).toEqual([1, "amy"]);
    expect(await one.round()).toBe(false);
    expect(one.seen()).toEqual([2, "bob"]);
  });

  test("that start with an older file bring it back when it was written since", async () => {
    const one = await replica("one", people("amy", "bob"));
    await one.write(people("amy"));
    const late = await replica("late", people("amy", "bob"), { writtenAt: new Date(Date.now() + 60_000) });
    expect(late.seen()).toEqual([3, "amy", "bob"]);
  });

  test("that start with a file that nobody has read yet make it the newest, however old it is", async () => {
    await replica("one", people("amy"));
    expect((await replica("late", people("zoe"), { writtenAt: long })).seen()).toEqual([2, "zoe"]);
  });
});

describe("without a directory file", () => {
  const options = {
    clock: { now: Date.now, sleep: never },
    log: () => undefined,
    meter: { count: () => undefined, set: () => undefined, observe: () => undefined },
  };

  test("there is none in open mode: credentials alone say who is who", async () => {
    const directories = await openDirectories({ directory: undefined }, { ...options, tokens: undefined, store });
    expect([directories.of("default"), directories.loops]).toEqual([undefined, []]);
    expect(await directories.round()).toBe(false);
  });

  test("the holders of tokens are the directory, those without any stay, and no token is in it", async () => {
    const path = join(folder, "tokens");
    const entry = (principal: string, more: object = {}) => ({ principal, roles: ["viewer", "security"], sha256: principal.padEnd(64, "0"), ...more });
    const write = (...tokens: readonly object[]) => writeFile(path, JSON.stringify({ tokens }));
    await write(entry("b"), entry("a", { groups: ["payments"], enabled: false }), entry("c", { tenant: "acme" }));
    const tokens = await followFile({ ...options, name: "tokens", path, parse: parseTokenFile, onFailure: () => undefined, isRequired: true });
    const directories = await openDirectories({ directory: undefined }, { ...options, tokens, store });
    const roles = ["security", "viewer"];
    const [a, b] = ["a", "b"].map((name) => ({ key: `tokens|${name}`, name, aliases: [], groups: [] as string[], roles, isEnabled: true }));
    const members = [{ ...a!, groups: ["payments"], isEnabled: false }, b!];
    expect(directories.of("default")).toEqual({ version: 1, members });
    expect(directories.of("acme")).toMatchObject({ version: 1, members: [{ key: "tokens|c" }] });

    await write();
    for (let i = 0; i < 2; i += 1) await tokens.look();
    await directories.round();
    expect(tokens.current()?.value.holders).toEqual([]);
    expect(directories.of("default")).toEqual({ version: 1, members });

    await truncate(path);
    await write(entry("b"));
    for (let i = 0; i < 2; i += 1) await tokens.look();
    await directories.round();
    expect(directories.of("default")).toEqual({ version: 2, members: [b!] });
    expect(directories.of("acme")).toEqual({ version: 2, members: [] });
  });
});
