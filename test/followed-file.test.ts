/** A file that is read again when it changes, on a real file system. */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LogFields } from "../src/kernel/log.ts";
import { followFile, type FollowedFile } from "../src/adapters/system/followed-file.ts";

let folder = "";
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-follow-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Scene {
  readonly path: string;
  readonly file: FollowedFile<string>;
  /** `level event`, in order. */
  readonly logged: string[];
  /** Looks until now that found nothing to be used. */
  failures(): number;
  /** What is in force after this many looks. */
  after(looks: number): Promise<string | undefined>;
}

/** Follows a file that can be used unless it contains "bad" or is empty. */
async function follow(first: string | undefined, isRequired = false, path = join(folder, `file-${(count += 1)}`)): Promise<Scene> {
  if (first !== undefined) await writeFile(path, first);
  const logged: string[] = [];
  let failures = 0;
  const file = await followFile({
    name: "it",
    path,
    parse(text) {
      if (text === "" || text.includes("bad")) throw new Error("it is bad");
      return text;
    },
    clock: { now: () => 42 },
    log: (level, event) => void logged.push(`${level} ${event}`),
    onFailure: () => void (failures += 1),
    isRequired,
  });
  const after = async (looks: number): Promise<string | undefined> => {
    for (let i = 0; i < looks; i += 1) await file.look();
    return file.current()?.value;
  };
  return { path, file, logged, failures: () => failures, after };
}

describe("a file that is followed", () => {
  test("is read when it is opened, and nothing is said while it stays", async () => {
    const { file, logged, after } = await follow("one");
    expect(file.current()?.value).toBe("one");
    expect(await after(3)).toBe("one");
    expect(logged).toEqual([]);
  });

  test("is taken when two looks in a row have found the same change", async () => {
    const { path, logged, after } = await follow("one");
    await writeFile(path, "half");
    expect(await after(1)).toBe("one");
    await writeFile(path, "half and half");
    expect(await after(1)).toBe("one");
    expect(await after(1)).toBe("half and half");
    expect(logged).toEqual(["info it.read"]);
  });

  test("may be replaced by another one of its name", async () => {
    const { path, after } = await follow("one");
    await writeFile(`${path}.new`, "two");
    await rename(`${path}.new`, path);
    expect(await after(2)).toBe("two");
  });

  test("may be behind a link that is turned to another directory, as mounted secrets are", async () => {
    const [mount, data] = [join(folder, "mount"), join(folder, "mount", "..data")];
    for (const [version, text] of [
      ["v1", "one"],
      ["v2", "two"],
    ] as const) {
      await mkdir(join(mount, version), { recursive: true });
      await writeFile(join(mount, version, "file"), text);
    }
    await symlink("v1", data);
    await symlink("..data/file", join(mount, "file"));
    const { after } = await follow(undefined, false, join(mount, "file"));
    expect(await after(1)).toBe("one");
    await symlink("v2", `${data}.new`);
    await rename(`${data}.new`, data);
    await rm(join(mount, "v1"), { recursive: true });
    expect(await after(2)).toBe("two");
  });

  test("changes also by content of the same length in the same instant", async () => {
    const { path, after } = await follow("one");
    const at = new Date(1_000_000);
    await utimes(path, at, at);
    expect(await after(2)).toBe("one");
    await writeFile(path, "two");
    await utimes(path, at, at);
    expect(await after(2)).toBe("two");
  });

  test.each([
    ["is broken", (path: string) => writeFile(path, "bad")],
    ["is emptied", (path: string) => truncate(path)],
    ["is gone", (path: string) => rm(path)],
    ["is a directory now", async (path: string) => rm(path).then(() => mkdir(path))],
    ["is a pipe now", async (path: string) => rm(path).then(() => void execFileSync("mkfifo", [path]))],
    ["is too large", async (path: string) => truncate(path, 17 * 1_048_576)],
  ])("that %s leaves in force what it had: one error in the log, counted at every look", async (_what, spoil) => {
    const { path, logged, failures, after } = await follow("one");
    await spoil(path);
    expect(await after(1)).toBe("one");
    expect([logged, failures()]).toEqual([[], 0]);
    expect(await after(3)).toBe("one");
    expect([logged, failures()]).toEqual([["error it.read-failed"], 3]);
    await rm(path, { recursive: true, force: true });
    await writeFile(path, "two");
    expect(await after(2)).toBe("two");
    expect(logged.at(-1)).toBe("info it.read");
    const before = failures();
    await after(2);
    expect(failures()).toBe(before);
  });

  test("says in the log which file, why it cannot be used, and what is in force", async () => {
    const fields: LogFields[] = [];
    const options = { name: "it", clock: { now: () => 0 }, onFailure: () => undefined, isRequired: false };
    const path = join(folder, "seen");
    const file = await followFile({ ...options, path, parse: JSON.parse, log: (_level, _event, more = {}) => void fields.push(more) });
    await writeFile(path, "1");
    for (let i = 0; i < 2; i += 1) await file.look();
    await rm(path);
    for (let i = 0; i < 2; i += 1) await file.look();
    const error = new Error(`the file ${path} cannot be read (ENOENT)`);
    expect(fields).toEqual([{ path, error, in_force: "nothing" }, { path }, { path, error, in_force: "what it had before" }]);
  });

  test("that fails in another way is another error", async () => {
    const { path, logged, after } = await follow("one");
    await writeFile(path, "bad");
    await after(2);
    await rm(path);
    await after(2);
    expect(logged).toEqual(["error it.read-failed", "error it.read-failed"]);
  });

  test("that is not there at first has nothing, until it is", async () => {
    const { path, file, logged, failures, after } = await follow(undefined);
    expect([file.current(), logged, failures()]).toEqual([undefined, ["error it.read-failed"], 1]);
    await writeFile(path, "one");
    expect(await after(2)).toBe("one");
  });

  test("that is required must be good at first", async () => {
    await expect(follow("bad", true)).rejects.toThrow("it is bad");
    await expect(follow(undefined, true)).rejects.toThrow(/cannot be read \(ENOENT\)/);
    const { path, logged, after } = await follow("one", true);
    await writeFile(path, "bad");
    expect(await after(2)).toBe("one");
    expect(logged).toEqual(["error it.read-failed"]);
  });

  test("is of when it was written, at first, and then of when it was seen to change; a new time is a change", async () => {
    const path = join(folder, "times");
    await writeFile(path, "one");
    await utimes(path, new Date(9_000), new Date(7_000));
    const { file, after } = await follow(undefined, false, path);
    expect(file.current()).toEqual({ value: "one", asOf: 7_000 });
    await utimes(path, new Date(9_000), new Date(8_000));
    await after(2);
    expect(file.current()).toEqual({ value: "one", asOf: 42 });
  });
});
