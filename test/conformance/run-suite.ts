/** The suite's runner as a process, and what it reports. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** The two ways through the server; each has a list of known failures of its own, since the runner reads one list only. */
export type Way = "short" | "long";

/** A case that failed, also where that was expected. */
export interface FailedCase {
  readonly name: string;
  readonly complaints: readonly string[];
}

export interface SuiteResult {
  /** 0 when every case did what was expected of it. */
  readonly exitCode: number | null;
  readonly cases: number;
  readonly passed: number;
  /** Unexpectedly; a known failure that passed is one of these. */
  readonly failed: number;
  /** The known failures, and those of the known flaky cases that failed this time. */
  readonly expected: readonly FailedCase[];
  /** All that the runner wrote. */
  readonly output: string;
}

const here = new URL(".", import.meta.url).pathname;
/** Runs the whole suite with the runner at the path `runner`. Rejects when that cannot be started, or was ended by `signal`. */
export async function runSuite(runner: string, way: Way, signal: AbortSignal): Promise<SuiteResult> {
  const known = ["--known-failing", `@${join(here, `known-failures-${way}.txt`)}`, "--known-flaky", `@${join(here, "known-flaky.txt")}`];
  const options = ["--conf", join(here, "config.yaml"), "--mode", "server", ...known];
  const child = spawn(runner, [...options, "--", process.execPath, join(here, "server.ts"), way], { stdio: ["ignore", "pipe", "pipe"], signal });
  const pieces: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => void pieces.push(piece));
  const [exitCode] = (await once(child, "close")) as [number | null];
  const output = Buffer.concat(pieces).toString("utf8");
  const [, cases, passed, failed] = /Total cases: (\d+)\n(\d+) passed, (\d+) failed/.exec(output) ?? [];
  return { exitCode, cases: Number(cases), passed: Number(passed), failed: Number(failed), expected: expectedFailures(output), output };
}

/** Each is reported in a line with its name, and one or more indented lines. */
function expectedFailures(output: string): readonly FailedCase[] {
  const found = output.matchAll(/^INFO: (.+) failed \(as expected\):\n((?:[ \t].*(?:\n|$))*)/gm);
  return [...found].map(([, name = "", lines = ""]) => ({ name, complaints: lines.trim().split(/\n\s*/) }));
}
