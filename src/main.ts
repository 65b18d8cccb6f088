/** The process around the program: command line and environment in, signals out. The only place that holds `process`. */
import { readFileSync } from "node:fs";
import { systemClock } from "./adapters/system/clock.ts";
import { terminalOf } from "./cli/frame/terminal.ts";

const startedAt = performance.now();
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { readonly version: string };

const terminal = terminalOf(process, systemClock, version);

try {
  const words = process.argv.slice(2);
  // The server itself needs no table of commands: it is loaded for whatever else the command line says.
  const end = words.length === 0 || words.join(" ") === "serve" ? "serve" : await (await import("./cli/run.ts")).run(words, terminal);
  if (end === "serve") {
    await serve();
  } else {
    await terminal.flush();
    process.exit(end);
  }
} catch (error) {
  process.stderr.write(`muster: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function serve(): Promise<void> {
  // Most of the program: the other commands answer sooner without it.
  const [{ createApp }, { banner }, { parseConfig }, { createLog }] = await Promise.all([
    import("./app.ts"),
    import("./banner.ts"),
    import("./config/config.ts"),
    import("./kernel/log.ts"),
  ]);
  const config = parseConfig(terminal.settings, terminal.readFile);
  const log = createLog({ ...config.log, now: Date.now, write: (line) => process.stderr.write(line) });
  const app = await createApp(config, { log });
  process.stdout.write(banner(config, app.address, performance.now() - startedAt));

  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    log("info", "server.stopping", { signal });
    app[Symbol.asyncDispose]().then(
      () => process.exit(0),
      (error: unknown) => {
        log("error", "server.stop-failed", { error });
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}
