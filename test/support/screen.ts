/**
 * Commands as a person at a terminal of some size sees them, in this process: what they print is drawn as a terminal does, with
 * long lines broken at its edge. No colours. Time is the test's.
 */
import { run } from "../../src/cli/run.ts";
import type { Settings } from "../../src/config/settings.ts";
import type { Clock } from "../../src/kernel/ports.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface ScreenOptions {
  readonly size: Size;
  readonly settings: Settings;
  readonly clock: Clock;
  /** Sees all that was written so far, after each write. */
  readonly onWritten?: (written: string) => void;
}

/** `$ muster words…`, all that is on the screen then, and the exit code where it is not 0. */
export async function screenOf(words: readonly string[], { size, settings, clock, onWritten }: ScreenOptions): Promise<string> {
  let written = "";
  const write = (text: string): void => {
    written += text;
    onWritten?.(written);
  };
  const over = new AbortController();
  const code = await run(words, {
    settings,
    version: "0.1.0",
    nodeVersion: "24.21.0",
    program: "muster",
    out: write,
    err: write,
    flush: async () => undefined,
    isInteractive: true,
    colour: { out: false, err: false },
    size: () => size,
    signal: over.signal,
    clock,
    readFile: (path) => {
      throw new Error(`${path} is not read here`);
    },
  });
  const end = code === 0 ? "" : `(exit code ${code})\n`;
  const line = words.map((word) => (/\s/.test(word) ? `'${word}'` : word)).join(" ");
  return `$ muster ${line}\n${drawn(written, size.columns)}${end}`;
}

/** What is left on the screen: lines that were cleared are gone, those that are too long go on below. */
export function drawn(text: string, columns: number): string {
  const lines = text.split("\n").map((line) => line.split("\r\u001b[2K").at(-1) ?? "");
  const width = new RegExp(`.{1,${columns}}`, "gsu");
  return lines.flatMap((line) => (line === "" ? [""] : (line.match(width) ?? []))).join("\n");
}
