/**
 * Muster as `src/main.ts` starts it, following a script in its environment:
 *
 * - `CRASH_AT=<EVENT>:<phase>` (an instant of `SagaProbe`), or `<port>.<method>:begin|effect` (before and after a call of
 *   an adapter): the first time it is there, the process writes one line to stderr and sends itself `CRASH_SIGNAL`
 *   (default SIGKILL). With SIGSTOP it goes on from that very instant when it is continued.
 * - `FAIL_AT=<EVENT>,<EVENT>,…`: an attempt fails at the first of these, after the step's effect, as it does when the
 *   answer is lost; the next attempt that gets there fails at the second, and so on.
 */
import { readFileSync, writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { createApp } from "../../src/app.ts";
import { parseConfig, type Settings } from "../../src/config.ts";
import { DomainError } from "../../src/errors.ts";
import { createLog } from "../../src/log.ts";

const { CRASH_AT: crashAt, CRASH_SIGNAL: crashSignal = "SIGKILL", FAIL_AT: failAt = "" } = process.env;
const failures = failAt.split(",");
let reached = false;

function reach(at: string): void {
  if (at !== crashAt || reached) return;
  reached = true;
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  writeSync(2, `${JSON.stringify({ reached: at, children })}\n`);
  process.kill(process.pid, crashSignal);
}

function failAsScripted(at: string): void {
  if (at !== `${failures[0]}:effect`) return;
  failures.shift();
  throw new DomainError({ kind: "wrong_state", reason: "DEPENDENCY_REFUSED", message: `scripted to fail at ${at}` });
}

/** The adapter itself, with an instant before and one after each call. */
function scripted<T extends object>(port: string, adapter: T): T {
  return new Proxy(adapter, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function" || typeof name === "symbol") return member;
      return async (...values: readonly unknown[]) => {
        reach(`${port}.${name}:begin`);
        const result: unknown = await Reflect.apply(member, target, values);
        reach(`${port}.${name}:effect`);
        return result;
      };
    },
  });
}

const settings = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined)) as Settings;
const config = parseConfig(settings, (path) => readFileSync(path, "utf8"));
const log = createLog({ ...config.log, now: Date.now, write: (line) => process.stderr.write(line) });
const app = await createApp(config, {
  log,
  probe({ event, phase }) {
    reach(`${event}:${phase}`);
    failAsScripted(`${event}:${phase}`);
  },
  decorate: ({ catalog, schemas, sink, ...others }) => ({
    ...others,
    catalog: scripted("catalog", catalog),
    schemas: scripted("schemas", schemas),
    sink: scripted("sink", sink),
  }),
});
flushCompileCache();
process.once("SIGTERM", () => {
  app[Symbol.asyncDispose]().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
