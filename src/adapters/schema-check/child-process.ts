/**
 * One checking child. Guarantees: it starts confined or not at all (it reports what it could do, and anything is too
 * much); one check at a time; a check ends with a verdict, or with the child dead: killed at the limit, or crashed. A
 * dead child stays dead, start another. It keeps this process alive only while it checks. Not guaranteed: that it cannot
 * open sockets, which node's permissions do not cover.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { CheckRequest, Confinement, Verdict } from "./protocol.ts";

export interface ChildOptions {
  /** How long one check may take, in milliseconds. */
  readonly limitMs: number;
  /** How long it may take to get ready, in milliseconds. */
  readonly startMs: number;
  /** V8 heap, in MiB. */
  readonly memoryMb: number;
}

/** `killed`: over the limit. `crashed`: ended by itself, most likely out of memory. */
export type CheckResult = Verdict | { readonly type: "killed" | "crashed" };

export interface CheckingChild {
  readonly pid: number | undefined;
  readonly alive: () => boolean;
  /** Must not be called again before it has resolved. Never rejects. */
  readonly check: (request: CheckRequest) => Promise<CheckResult>;
  /** Resolves when the process is gone. */
  readonly kill: () => Promise<void>;
}

const program = fileURLToPath(new URL("child.ts", import.meta.url));
const patterns = fileURLToPath(new URL("re2-pattern.ts", import.meta.url));

/** Node's options for the child: nothing allowed but to read its own program and the packages that it runs. */
export function childExecArgv(memoryMb: number): string[] {
  const readable = [program, patterns, ...packageFolders().map((folder) => join(folder, "*"))];
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
export async function startCheckingChild(options: ChildOptions): Promise<CheckingChild> {
  const child = fork(program, [String(options.limitMs * 2)], {
    execArgv: childExecArgv(options.memoryMb),
    env: {},
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    serialization: "json",
  });
  const exited = new Promise<void>((resolve) => child.on("exit", () => resolve()).on("error", () => child.pid ?? resolve()));
  const kill = async () => {
    child.ref();
    child.kill("SIGKILL");
    await exited;
  };
  const ready = (await answer<Confinement>(child, options.startMs)) ?? {
    type: "ready",
    powers: ["unknown: it did not start"],
  };
  if (ready.type !== "ready" || ready.powers.length > 0) {
    await kill();
    throw new Error(`the checking process is not confined or did not start: ${ready.powers.join(", ")}`);
  }
  idle(child);
  return {
    pid: child.pid,
    alive: () => child.connected && child.exitCode === null && child.signalCode === null,
    check: async (request) => {
      child.ref();
      child.channel?.ref();
      const verdict = await answer<Verdict>(child, options.limitMs, request);
      if (verdict) {
        idle(child);
        return verdict;
      }
      const crashed = child.exitCode !== null || child.signalCode !== null;
      await kill();
      return { type: crashed ? "crashed" : "killed" };
    },
    kill,
  };
}

function idle(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

/** The child's next message, after `request` where there is one; undefined when it ends or `limitMs` is over first. */
function answer<T>(child: ChildProcess, limitMs: number, request?: CheckRequest): Promise<T | undefined> {
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
