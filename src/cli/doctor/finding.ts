import { printable } from "../../kernel/log.ts";
import type { Style } from "../frame/style.ts";
import { beside } from "../frame/wrapped.ts";

/** One thing that was looked at. */
export interface Finding {
  /** The part that was checked: `store`. */
  readonly area: string;
  /** `bad`: the server would not start, or not work. `warn`: it would, with a risk. */
  readonly state: "ok" | "warn" | "bad";
  readonly text: string;
  /** The suggested fix; empty when none is needed. */
  readonly todo: string;
}

/** A check reports all its findings; it rejects only when the command is ended. */
export type Check = (signal: AbortSignal) => Promise<readonly Finding[]>;

export interface Teller {
  ok(text: string): void;
  warn(text: string, todo: string): void;
  bad(text: string, todo: string): void;
}

/** A check of one area, from the function that reports. What it throws is a finding too. */
export function checkOf(
  area: string,
  look: (tell: Teller, signal: AbortSignal) => Promise<void> | void,
  failed: (error: unknown) => readonly [string, string],
): Check {
  return async (signal) => {
    const findings: Finding[] = [];
    const add =
      (state: Finding["state"]) =>
      (text: string, todo = "") =>
        void findings.push({ area, state, text, todo });
    try {
      await look({ ok: add("ok"), warn: add("warn"), bad: add("bad") }, signal);
    } catch (error) {
      signal.throwIfAborted();
      add("bad")(...failed(error));
    }
    // With problems found, the area needs no further finding.
    return findings.some(({ state }) => state === "bad") ? findings.filter(({ state }) => state !== "ok") : findings;
  };
}

const areaWidth = "configuration".length;

/** One line, and one for what to do about it; each goes on below where `columns` are too few. */
export function findingText({ area, state, text, todo }: Finding, style: Style, columns?: number): string {
  const mark = { ok: style.good("✓"), warn: style.warn("!"), bad: style.bad("✗") }[state];
  const textAt = areaWidth + 4;
  const line = `${mark} ${style.bold(area.padEnd(areaWidth))}  ${beside(printable(text, 2_048), textAt, columns)}\n`;
  return todo === "" ? line : `${line}${" ".repeat(textAt)}${style.dim("→")} ${beside(printable(todo), textAt + 2, columns)}\n`;
}

const tolerableMs = 2_000;

/** Compares another machine's clock, read between two looks at ours. */
export function tellClock(tell: Teller, whose: string, theirMs: number, before: number, after: number, resolutionMs: number): void {
  const off = theirMs < before - resolutionMs ? theirMs - before : theirMs > after + resolutionMs ? theirMs - after : 0;
  if (Math.abs(off) <= tolerableMs) return;
  const seconds = Math.round(Math.abs(off) / 1_000);
  tell.warn(
    `the clock of ${whose} is ${seconds} s ${off > 0 ? "ahead of" : "behind"} this machine's`,
    "Synchronize both machines with the same time source (NTP).",
  );
}
