/** A command's interface to its process: the environment, the two streams, time, and the signal to end. */
import { readFileSync } from "node:fs";
import type { Clock } from "../../kernel/ports.ts";
import type { Settings } from "../../config/settings.ts";
import { calledAs } from "./called-as.ts";

export interface Terminal {
  readonly settings: Settings;
  readonly version: string;
  readonly nodeVersion: string;
  /** How this program was called, for hints: `npx muster`. */
  readonly program: string;
  out(text: string): void;
  err(text: string): void;
  /** Resolves when everything is written, or the reader is gone. A process that exits earlier loses what a slow reader has not read. */
  flush(): Promise<void>;
  /** Whether stdout is a terminal. */
  readonly isInteractive: boolean;
  /** Whether stdout and stderr support colours. */
  readonly colour: { readonly out: boolean; readonly err: boolean };
  /** Of stdout; something usual where that is no terminal. */
  size(): { readonly columns: number; readonly rows: number };
  /** Aborted with an `Interrupted` by Ctrl-C or SIGTERM, and when the reader of stdout is gone. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** A whole file as text, without the mark that may be at the beginning of UTF-8; `-` is stdin. Throws also for what is not UTF-8. */
  readFile(path: string): string;
}

/** The width of stdout that texts are to fit; undefined where it is no terminal. */
export function columnsOf(terminal: Pick<Terminal, "isInteractive" | "size">): number | undefined {
  return terminal.isInteractive ? terminal.size().columns : undefined;
}

export class Interrupted extends Error {
  /** `closed`: the reader of stdout is gone. */
  readonly by: "signal" | "closed";
  constructor(by: "signal" | "closed") {
    super(by === "signal" ? "interrupted" : "the output was closed");
    this.name = "Interrupted";
    this.by = by;
  }
}

/**
 * The terminal of a process. Signals have their default effect until a command first reads `signal`; after that a second
 * Ctrl-C ends the process immediately.
 */
export function terminalOf(proc: NodeJS.Process, clock: Clock, version: string): Terminal {
  const ended = new AbortController();
  let isListening = false;
  const listen = (): AbortSignal => {
    if (isListening) return ended.signal;
    isListening = true;
    const stop = (): void => ended.abort(new Interrupted("signal"));
    proc.once("SIGINT", stop);
    proc.once("SIGTERM", stop);
    for (const stream of [proc.stdout, proc.stderr]) {
      stream.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") throw error;
        if (stream === proc.stdout) ended.abort(new Interrupted("closed"));
      });
    }
    return ended.signal;
  };
  const settings = Object.fromEntries(Object.entries(proc.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  const takesColour = (stream: NodeJS.WriteStream): boolean => stream.isTTY && !settings["NO_COLOR"] && settings["TERM"] !== "dumb";
  return {
    settings,
    version,
    nodeVersion: proc.versions.node,
    program: calledAs({ script: proc.argv[1] ?? "", cwd: proc.cwd(), settings }),
    out: (text) => void proc.stdout.write(text),
    err: (text) => void proc.stderr.write(text),
    flush: async () => {
      for (const stream of [proc.stdout, proc.stderr]) await new Promise<void>((resolve) => stream.write("", () => resolve()));
    },
    isInteractive: proc.stdout.isTTY,
    colour: { out: takesColour(proc.stdout), err: takesColour(proc.stderr) },
    size: () => ({ columns: proc.stdout.columns || 80, rows: proc.stdout.rows || 24 }),
    get signal() {
      return listen();
    },
    clock,
    readFile: (path) => new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path === "-" ? 0 : path)),
  };
}
