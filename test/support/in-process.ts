/**
 * Muster inside the test's own process, behind the same face as one in a process of its own: for mutation testing, which
 * changes the code that the test's process has loaded and must see which test reaches it. It cannot be killed, only stopped.
 */
import { createApp } from "../../src/app.ts";
import { parseConfig } from "../../src/config/config.ts";
import { createLog } from "../../src/kernel/log.ts";
import { readFileSync } from "node:fs";
import type { MusterProcess } from "./muster.ts";

/** True in a run of `npm run mutate`. */
export const isInProcess = process.env["MUSTER_TEST_IN_PROCESS"] === "1";

export function startInProcess(env: Readonly<Record<string, string>>): Omit<MusterProcess, "address"> & { readonly listening: Promise<string> } {
  const lines: string[] = [];
  const ended = Promise.withResolvers<number | NodeJS.Signals>();
  const starting = (async () => {
    const config = parseConfig(env, (path) => readFileSync(path, "utf8"));
    return createApp(config, { log: createLog({ ...config.log, now: Date.now, write: (line) => void lines.push(line.trimEnd()) }) });
  })();
  const stop = async (): Promise<void> => {
    const app = await starting.catch(() => undefined);
    await app?.[Symbol.asyncDispose]();
    ended.resolve(0);
  };
  starting.catch(() => ended.resolve(1));
  return {
    listening: starting.then(({ address: { host, port } }) => `${host}:${port}`),
    pid: process.pid,
    logged: () => lines.join("\n"),
    signal(signal) {
      if (signal !== "SIGTERM" && signal !== "SIGINT") throw new Error(`a Muster in the test's process cannot be sent ${signal}`);
      void stop();
    },
    ended: ended.promise,
    async [Symbol.asyncDispose]() {
      await stop();
      await ended.promise;
    },
  };
}
