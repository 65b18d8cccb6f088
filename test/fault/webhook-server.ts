/**
 * Muster as `src/main.ts` starts it, which kills itself (SIGKILL) at the `KILL_AT`th call of a repository, `KILL_ON`: such as
 * `webhookDeliveries.begin:effect`, in the middle of its transaction, or `webhookDeliveries.begin:committed`, right after the commit.
 */
import { readFileSync } from "node:fs";
import { createApp } from "../../src/app.ts";
import { parseConfig } from "../../src/config/config.ts";
import type { Settings } from "../../src/config/settings.ts";
import { createLog } from "../../src/kernel/log.ts";
import type { MusterStore, MusterTx } from "../../src/store/parts.ts";

const on = process.env["KILL_ON"] ?? "";
let left = Number(process.env["KILL_AT"]);

function reach(at: string): void {
  if (at === on && (left -= 1) === 0) process.kill(process.pid, "SIGKILL");
}

function deadlyStore(store: MusterStore): MusterStore {
  return {
    ...store,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    async tx<T>(work: (tx: MusterTx) => Promise<T>) {
      const called: string[] = [];
      const result = await store.tx((tx) =>
        work(Object.fromEntries(Object.entries(tx).map(([name, part]) => [name, watched(name, part, called)])) as unknown as MusterTx),
      );
      for (const name of called) reach(`${name}:committed`);
      return result;
    },
  };
}

function watched(name: string, part: object, called: string[]): object {
  return new Proxy(part, {
    get(target, member) {
      const method: unknown = Reflect.get(target, member);
      if (typeof method !== "function" || typeof member === "symbol") return method;
      return async (...values: readonly unknown[]) => {
        const result: unknown = await Reflect.apply(method, target, values);
        // Of the claims only those that found something of ours.
        const isOurs = `${name}.${member}` !== "tasks.claim" || (values[0] === "webhook-series" && (result as readonly unknown[]).length > 0);
        if (isOurs) {
          called.push(`${name}.${member}`);
          reach(`${name}.${member}:effect`);
        }
        return result;
      };
    },
  });
}

const settings = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined)) as Settings;
const config = parseConfig(settings, (path) => readFileSync(path, "utf8"));
const log = createLog({ ...config.log, now: Date.now, write: (line) => process.stderr.write(line) });
await createApp(config, { log, decorate: ({ store, ...others }) => ({ ...others, store: deadlyStore(store) }) });
