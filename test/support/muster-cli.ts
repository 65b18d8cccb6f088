/** `muster …` as a process of its own, the way people and scripts run it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Environment } from "./muster.ts";

export interface CliResult {
  readonly code: number | NodeJS.Signals;
  readonly out: string;
  readonly err: string;
}

export interface CliProcess {
  readonly pid: number;
  readonly result: Promise<CliResult>;
  /** Everything it wrote to stdout so far. */
  out(): string;
  signal(signal: NodeJS.Signals): void;
  /** Goes away from its stdout, as `head` does. */
  closeOut(): void;
}

export const cliEntry = new URL("../../bin/muster.js", import.meta.url).pathname;

/** Starts `muster args…` with nothing in its environment but `env`. */
export function startCli(args: readonly string[], env: Environment = {}, stdin = ""): CliProcess {
  const child = spawn(process.execPath, [cliEntry, ...args], { env: { PATH: process.env["PATH"] ?? "", ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const text = { out: "", err: "" };
  child.stdin.on("error", () => undefined).end(stdin);
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text.out += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text.err += chunk));
  return {
    pid: child.pid ?? 0,
    result: once(child, "close").then(([code, signal]) => ({ code: (code ?? signal) as number | NodeJS.Signals, ...text })),
    out: () => text.out,
    signal: (signal) => child.kill(signal),
    closeOut: () => child.stdout.destroy(),
  };
}

/** Runs `muster args…` to its end. */
export function runCli(args: readonly string[], env: Environment = {}, stdin = ""): Promise<CliResult> {
  return startCli(args, env, stdin).result;
}
