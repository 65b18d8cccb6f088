/** The process around the app: command line and environment in, signals out. The only place that reads `process`. */
import { readFileSync } from "node:fs";
import { banner } from "./banner.ts";
import { answerTo } from "./cli/commands.ts";
import { parseConfig, type Settings } from "./config.ts";
import { createLog } from "./log.ts";

const startedAt = performance.now();

try {
  const answer = answerTo(process.argv.slice(2), versionOf(readFileSync(new URL("../package.json", import.meta.url), "utf8")));
  if (answer === "serve") {
    await serve();
  } else {
    process.stdout.write(answer.out ?? "");
    process.stderr.write(answer.err ?? "");
    process.exitCode = answer.code;
  }
} catch (error) {
  process.stderr.write(`muster: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function serve(): Promise<void> {
  // Most of the program: the other commands answer sooner without it.
  const { createApp } = await import("./app.ts");
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
}

function versionOf(manifest: string): string {
  const { version } = JSON.parse(manifest) as { readonly version: string };
  return version;
}
