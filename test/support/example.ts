/**
 * The examples as a reader has them: built and run by the commands of their README, in a copy of their folder, from one directory, with
 * the machine's own Node and not the one that runs the tests.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { root } from "./source-tree.ts";

export interface Example extends AsyncDisposable {
  /** Where its README's commands work, as at the root of the repository. */
  readonly directory: string;
  /** Starts it by the last command of its README, or by that number of those that run it. */
  start(env: Readonly<Record<string, string>>, which?: number): RunningExample;
}

export interface RunningExample extends AsyncDisposable {
  /** What it printed so far. */
  readonly lines: readonly string[];
  stop(): void;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** Builds `examples/<name>` by the first commands of its README, of which so many blocks follow that run it; what is downloaded stays in the caches of the tools. */
export async function buildExample(name: string, ways = 1): Promise<Example> {
  const directory = await mkdtemp(join(tmpdir(), `muster-example-${name}-`));
  await mkdir(join(directory, "examples"));
  await cp(join(root, "proto"), join(directory, "proto"), { recursive: true });
  await cp(join(root, "examples", name), join(directory, "examples", name), { recursive: true, filter: (path) => !madeByTools.test(path) });
  await symlink(join(root, "node_modules"), join(directory, "node_modules"));
  const readme = await readFile(join(root, "examples", name, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, commands = ""]) => commands.trim());
  const [build, ...runs] = blocks;
  if (!build || runs.length !== ways) throw new Error(`examples/${name}/README.md must have a block to build and ${ways} to run`);
  // Other tests run meanwhile, and some of them mind the time.
  await promisify(execFile)("nice", ["-n", "15", "bash", "-euc", `${build}\ntest "$PWD" = "$0"`, directory], {
    cwd: directory,
    env: { ...process.env, PATH: systemPath() },
    maxBuffer: 16 << 20,
  });
  return {
    directory,
    start: (env, which = 0) => startCommand(runs[which] ?? "", directory, env),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** The PATH that a reader has: without what npm puts before it. */
export function systemPath(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.filter((folder) => !folder.includes("/node_modules/")).join(delimiter);
}

const madeByTools = /\/(node_modules|gen|target|\.venv)$/;

function startCommand(command: string, cwd: string, env: Readonly<Record<string, string>>): RunningExample {
  const child = spawn("bash", ["-c", `exec ${command}`], {
    cwd,
    env: { PATH: systemPath(), HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  return {
    lines,
    stop: () => child.kill("SIGTERM"),
    ended,
    async [Symbol.asyncDispose]() {
      // npm passes it on to the program; SIGKILL would leave that running.
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
    },
  };
}
