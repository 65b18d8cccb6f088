/** The process around the program: command line, environment, signals. The only file that uses `process`. */
import { readFileSync } from "node:fs";
import { systemClock } from "./adapters/system/clock.ts";
import { terminalOf } from "./cli/frame/terminal.ts";

const startedAt = performance.now();
/** A second signal within this time counts as the first one. */
const sameSignalMs = 1_000;
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { readonly version: string };

const terminal = terminalOf(process, systemClock, version);

try {
  const words = process.argv.slice(2);
  // The server itself needs no table of commands: it is loaded for every other command line.
  const end = words.join(" ") === "serve" ? "serve" : await (await import("./cli/run.ts")).run(words, terminal);
  if (end === "serve") {
    await serve();
  } else {
    await terminal.flush();
    process.exit(end);
  }
} catch (error) {
  const { printable } = await import("./kernel/log.ts");
  const lines = (error instanceof Error ? error.message : String(error)).split("\n");
  process.stderr.write(`muster: ${lines.map((line) => printable(line)).join("\n")}\n`);
  process.exit(1);
}

/**
 * Starts the server and returns; SIGTERM and SIGINT end the process from here on, also while it starts: with 0 when what was
 * opened is closed. A further signal ends it immediately.
 */
async function serve(): Promise<void> {
  const stop = stopBySignal();
  // Most of the program: the other commands start faster without it.
  const [{ createApp }, { banner }, { parseConfig }, { createLog }] = await Promise.all([
    import("./app.ts"),
    import("./banner.ts"),
    import("./config/config.ts"),
    import("./kernel/log.ts"),
  ]);
  const config = parseConfig(terminal.settings, terminal.readFile);
  const log = createLog({ ...config.log, now: Date.now, write: (line) => process.stderr.write(line) });
  whenAborted(stop, () => log("info", "server.stopping", { signal: stop.reason }));
  try {
    const app = await createApp(config, { log, stop });
    const readyMs = performance.now() - startedAt;
    whenAborted(stop, () => app[Symbol.asyncDispose]().then(stopped, stopFailed));
    process.stdout.write(banner(config, { address: app.address, readyMs, silent: await app.silent(), program: terminal.program }));
  } catch (error) {
    if (!stop.aborted) {
      const { startFailure } = await import("./cli/doctor/start-failure.ts");
      terminal.err(await startFailure(config, error, terminal));
      await terminal.flush();
      process.exit(1);
    }
    if (error !== stop.reason) log("warn", "server.start-failed", { error });
    stopped();
  }

  function stopped(): void {
    log("info", "server.stopped");
    process.exit(0);
  }
  function stopFailed(error: unknown): void {
    log("error", "server.stop-failed", { error });
    process.exit(1);
  }
}

/** Aborts at the first SIGTERM or SIGINT, whose name is its reason. */
function stopBySignal(): AbortSignal {
  const stopping = new AbortController();
  let since = 0;
  const stop = (signal: NodeJS.Signals): void => {
    // npm forwards to its child a signal that a terminal or supervisor sent to both: one Ctrl-C comes twice.
    if (stopping.signal.aborted && performance.now() - since > sameSignalMs) process.exit(1);
    if (stopping.signal.aborted) return;
    since = performance.now();
    stopping.abort(signal);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  return stopping.signal;
}

function whenAborted(signal: AbortSignal, then: () => void): void {
  if (signal.aborted) then();
  else signal.addEventListener("abort", then, { once: true });
}
