/**
 * Muster as `src/main.ts` starts it, following a script: the JSON in the file `CRASH_SCRIPT`, read at every instant that
 * has a name. These are `<EVENT>:<phase>` of `SagaProbe`, and `<port>.<method>:begin|effect`, before and after a call of an
 * adapter (those of a repository in `scriptedStore` are in the middle of a transaction).
 *
 * - `at`: the first time it is there, the process writes one line to stderr and sends itself `signal` (default SIGKILL).
 *   With SIGSTOP it goes on from that very instant when it is continued.
 * - `about`: only at an instant of a call that has this text among its arguments.
 * - `failAt`: events with commas between. An attempt fails at the first of these, after the step's effect, as it does when
 *   the answer is lost; the next attempt that gets there fails at the second, and so on.
 */
import { readFileSync, writeSync } from "node:fs";
import { createApp } from "../../src/app.ts";
import { parseConfig } from "../../src/config/config.ts";
import type { Settings } from "../../src/config/settings.ts";
import { DomainError } from "../../src/kernel/errors.ts";
import { createLog } from "../../src/kernel/log.ts";
import type { MusterStore, MusterTx } from "../../src/store/parts.ts";

/** What `scene.ts` writes. */
interface Script {
  readonly at?: string;
  readonly about?: string;
  readonly signal?: "SIGSTOP";
  readonly failAt?: string;
}

const scriptFile = process.env["CRASH_SCRIPT"] ?? "";
/** The script that has been carried out, and how many of its failures have. */
let reached: string | undefined;
let failed = { text: "", times: 0 };

function readScript(): { readonly text: string; readonly script: Script } {
  const text = readFileSync(scriptFile, "utf8");
  return { text, script: JSON.parse(text) as Script };
}

function reach(at: string, values: readonly unknown[] = []): void {
  const { text, script } = readScript();
  if (at !== script.at || text === reached) return;
  if (script.about !== undefined && !JSON.stringify(values).includes(script.about)) return;
  reached = text;
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  writeSync(2, `${JSON.stringify({ reached: at, children })}\n`);
  process.kill(process.pid, script.signal ?? "SIGKILL");
}

function failAsScripted(at: string): void {
  const { text, script } = readScript();
  if (text !== failed.text) failed = { text, times: 0 };
  if (at !== `${script.failAt?.split(",")[failed.times]}:effect`) return;
  failed.times += 1;
  throw new DomainError({ kind: "wrong_state", reason: "DEPENDENCY_REFUSED", message: `scripted to fail at ${at}` });
}

const inTransaction = ["attempts", "eventLog", "asks", "gate", "tasks"] as const;

/** The store itself, with these instants around each operation of these repositories, in the middle of a transaction. */
function scriptedStore(store: MusterStore): MusterStore {
  return new Proxy(store, {
    get: (target, name, receiver) =>
      name === "tx"
        ? <T>(work: (tx: MusterTx) => Promise<T>) =>
            target.tx((tx) => work({ ...tx, ...Object.fromEntries(inTransaction.map((name) => [name, scripted(name, tx[name])])) }))
        : Reflect.get(target, name, receiver),
  });
}

/** The adapter itself, with an instant before and one after each call. */
function scripted<T extends object>(port: string, adapter: T): T {
  return new Proxy(adapter, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function" || typeof name === "symbol") return member;
      return async (...values: readonly unknown[]) => {
        reach(`${port}.${name}:begin`, values);
        const result: unknown = await Reflect.apply(member, target, values);
        reach(`${port}.${name}:effect`, values);
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
  decorate: ({ store, catalog, schemas, sink, ...others }) => ({
    ...others,
    store: scriptedStore(store),
    catalog: scripted("catalog", catalog),
    schemas: scripted("schemas", schemas),
    sink: sink && scripted("sink", sink),
  }),
});
process.once("SIGTERM", () => {
  app[Symbol.asyncDispose]().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
