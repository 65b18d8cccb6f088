/**
 * One sandboxed child. Guarantees: it starts confined or not at all (it reports its permissions, and any is an
 * error); one job at a time; a job ends with its result, or with the child dead: killed at the limit, or crashed. A
 * dead child cannot be restarted; start another. It keeps this process alive only while it works. Not guaranteed: that it cannot
 * open sockets, which Node's permissions do not cover.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { setPriority } from "node:os";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Confinement, Programs, Reply, Request } from "./protocol.ts";

export interface ChildOptions {
  /** How long it may take to get ready, and then to load a program, in milliseconds. */
  readonly startMs: number;
  /** V8 heap, in MiB. */
  readonly memoryMb: number;
  /** What it yields to others when the machine is busy, as in `nice`: 0 nothing, which is the default, 19 all. */
  readonly niceness?: number;
}

/** `killed`: over the limit. `crashed`: ended by itself, most likely out of memory. */
export type JobResult<P extends keyof Programs> = { readonly type: "done"; readonly result: Programs[P]["result"] } | { readonly type: "killed" | "crashed" };

export interface SandboxChild {
  readonly pid: number | undefined;
  readonly alive: () => boolean;
  /**
   * Runs a job for at most `limitMs`. Must not be called again before it has resolved. Rejects only when the program cannot be
   * loaded in time.
   */
  readonly run: <P extends keyof Programs>(program: P, job: Programs[P]["job"], limitMs: number) => Promise<JobResult<P>>;
  /** Resolves when the process is gone. */
  readonly kill: () => Promise<void>;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const program = here("child.ts");

/** All files of the child's programs, except packages. */
const sources = [
  program,
  here("check-program.ts"),
  here("compare-program.ts"),
  here("re2-pattern.ts"),
  here("../../kernel/errors.ts"),
  here("../../kernel/log.ts"),
  here("../../registration/schemas/bounded-comparison.ts"),
  here("../../schema-diff/*"),
];

/** Node's options for the child: nothing allowed but to read its own programs and the packages that they use. */
export function childExecArgv(memoryMb: number): string[] {
  const readable = [...sources, ...packageFolders().map((folder) => join(folder, "*"))];
  return [
    "--permission",
    ...readable.map((path) => `--allow-fs-read=${path}`),
    "--disable-proto=delete",
    "--no-warnings",
    `--max-old-space-size=${memoryMb}`,
    "--max-semi-space-size=4",
    // In KiB, of the usual 8 MiB: a chain of references compiles in as many nested calls. Overflowing ends the child only.
    "--stack-size=3900",
  ];
}

function packageFolders(): string[] {
  const fromUs = createRequire(import.meta.url);
  const ajv = fromUs.resolve("ajv/package.json");
  const fromAjv = createRequire(ajv);
  const needed = ["fast-deep-equal", "fast-uri", "json-schema-traverse"].map((name) => folderOf(fromAjv.resolve(name), name));
  return [dirname(ajv), folderOf(fromUs.resolve("ajv-draft-04"), "ajv-draft-04"), folderOf(fromUs.resolve("re2js"), "re2js"), ...needed];
}

function folderOf(file: string, name: string): string {
  const folder = `${sep}${name}${sep}`;
  return file.slice(0, file.lastIndexOf(folder) + folder.length - 1);
}

/** Starts a child and resolves when it is ready. Rejects when it does not get ready in time, or is not confined. */
export async function startSandboxChild({ startMs, memoryMb, niceness = 0 }: ChildOptions): Promise<SandboxChild> {
  const child = fork(program, {
    execArgv: childExecArgv(memoryMb),
    env: {},
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    serialization: "json",
  });
  if (niceness > 0 && child.pid !== undefined) setPriority(child.pid, niceness);
  const exited = new Promise<void>((resolve) => child.on("exit", () => resolve()).on("error", () => child.pid ?? resolve()));
  const loaded = new Set<keyof Programs>();

  async function kill(): Promise<void> {
    child.ref();
    child.kill("SIGKILL");
    await exited;
  }

  async function load(name: keyof Programs): Promise<void> {
    if (loaded.has(name) || !isAlive(child)) return;
    if ((await answer<Reply>(child, startMs, { program: name, watchdogMs: startMs })) === undefined) {
      await kill();
      throw new Error(`the sandbox could not load its ${name} program`);
    }
    loaded.add(name);
  }

  const powers = (await answer<Confinement>(child, startMs))?.powers ?? ["unknown: it did not start"];
  if (powers.length > 0) {
    await kill();
    throw new Error(`the sandbox is not confined or did not start: ${powers.join(", ")}`);
  }
  idle(child);

  return {
    pid: child.pid,
    alive: () => isAlive(child),
    async run<P extends keyof Programs>(name: P, job: Programs[P]["job"], limitMs: number): Promise<JobResult<P>> {
      child.ref();
      child.channel?.ref();
      await load(name);
      const reply = await answer<Reply<P>>(child, limitMs, { program: name, job, watchdogMs: limitMs * 2 });
      if (reply?.result !== undefined) {
        idle(child);
        return { type: "done", result: reply.result };
      }
      const crashed = child.exitCode !== null || child.signalCode !== null;
      await kill();
      return { type: crashed ? "crashed" : "killed" };
    },
    kill,
  };
}

function isAlive(child: ChildProcess): boolean {
  return child.connected && child.exitCode === null && child.signalCode === null;
}

function idle(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

/** The child's next message, after `request` where there is one; undefined when it ends or `limitMs` is over first. */
function answer<T>(child: ChildProcess, limitMs: number, request?: Request): Promise<T | undefined> {
  return new Promise((resolve) => {
    const limit = AbortSignal.timeout(limitMs);
    const settle = (message?: T) => {
      child.off("message", settle).off("exit", none).off("error", none);
      limit.removeEventListener("abort", none);
      resolve(message);
    };
    const none = () => settle();
    child.on("message", settle).on("exit", none).on("error", none);
    limit.addEventListener("abort", none);
    if (request) child.send(request, (error) => error && none());
  });
}
