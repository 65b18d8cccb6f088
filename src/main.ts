/** The process around the app: environment in, signals out. The only place that reads `process`. */
import { readFileSync } from "node:fs";
import { banner } from "./banner.ts";
import { createApp } from "./app.ts";
import { ConfigError, parseConfig, type Settings } from "./config.ts";
import { createLog } from "./log.ts";

const startedAt = performance.now();
const command = process.argv[2] ?? "serve";

try {
  if (command !== "serve") throw new ConfigError([`"${command}" is not a command; there is: serve`]);
  const settings = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined)) as Settings;
  const config = parseConfig(settings, (path) => readFileSync(path, "utf8"));
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
} catch (error) {
  process.stderr.write(`muster: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
