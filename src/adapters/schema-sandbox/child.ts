/**
 * The program of the child process: runs one job after the other on untrusted schemas. It runs under Node's
 * permission model, without environment, and is killed from outside when a job is too slow. Should the parent die
 * meanwhile, the watchdog below ends a job that would go on alone, and the closed channel the rest.
 */
import { createContext, Script } from "node:vm";
import type { Confinement, Programs, Reply, Request } from "./protocol.ts";

type Run<P extends keyof Programs> = (job: Programs[P]["job"]) => Programs[P]["result"];

const programs: { readonly [P in keyof Programs]: () => Promise<{ readonly run: Run<P> }> } = {
  check: () => import("./check-program.ts"),
  compare: () => import("./compare-program.ts"),
};

async function answer<P extends keyof Programs>({ program, job, watchdogMs }: Request<P>): Promise<Reply<P>> {
  const { run } = await programs[program]();
  return job === undefined ? {} : { result: guarded(() => run(job), watchdogMs) };
}

/** Only a script can be given a time limit; a context of its own for each would cost more than a small job. */
const context = createContext({ work: () => undefined });
const script = new Script("work()");

function guarded<T>(work: () => T, watchdogMs: number): T {
  const done: { result?: T } = {};
  context["work"] = () => {
    done.result = work();
  };
  script.runInContext(context, { timeout: watchdogMs });
  return done.result as T;
}

function powers(): string[] {
  const { permission } = process;
  const held = ["fs.write", "child", "worker", "wasi", "addon"].filter((scope) => permission?.has(scope) ?? true);
  if (permission?.has("fs.read", process.execPath) ?? true) held.push("fs.read");
  const variables = Object.keys(process.env).filter((name) => !name.startsWith("NODE_CHANNEL_"));
  return [...held, ...variables.map((name) => `env.${name}`)];
}

process.on("message", async (request: Request) => process.send?.(await answer(request)));
process.send?.({ powers: powers() } satisfies Confinement);
