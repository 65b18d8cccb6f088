/** Signals to the process, and to `npm start`, at any moment of a start. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { startFakeConsul } from "../support/fake-consul.ts";
import { embeddedBacking, spawnMuster, startMuster, type Environment } from "../support/muster.ts";
import { root } from "../support/source-tree.ts";

interface NpmStart extends AsyncDisposable {
  /** Sends the signal to npm alone, or to everything that it started as well, as a terminal does. */
  signal(signal: NodeJS.Signals, to: "npm" | "group"): void;
  /** Resolves with the port when the output has said it; rejects when npm ended before. */
  readonly listening: Promise<number>;
  readonly logged: () => string;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** `npm start` in a process group of its own. `stream`: where the port is looked for, the log being written a moment before the banner. */
function npmStart(env: Environment, stream: "stdout" | "stderr"): NpmStart {
  const child = spawn("npm", ["start"], {
    cwd: root,
    detached: true,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? "",
      npm_config_update_notifier: "false",
      MUSTER_LISTEN: "127.0.0.1:0",
      MUSTER_LOG_FORMAT: "json",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let logged = "";
  const listening = Promise.withResolvers<number>();
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  void ended.then((code) => listening.reject(new Error(`npm ended with ${code}:\n${logged}`)));
  listening.promise.catch(() => undefined);
  child.stderr.on("data", (chunk: Buffer) => (logged += chunk.toString()));
  let read = "";
  child[stream].on("data", (chunk: Buffer) => {
    const port = /(?:Listening +127\.0\.0\.1:|"server\.listening","host":"127\.0\.0\.1","port":)(\d+)\D/.exec((read += chunk.toString()))?.[1];
    if (port) listening.resolve(Number(port));
  });
  const group = child.pid === undefined ? undefined : -child.pid;
  return {
    listening: listening.promise,
    logged: () => logged,
    ended,
    signal(signal, to) {
      if (to === "npm") child.kill(signal);
      else if (group !== undefined) process.kill(group, signal);
    },
    async [Symbol.asyncDispose]() {
      try {
        if (group !== undefined) process.kill(group, "SIGKILL");
      } catch {
        // Everything of it has ended.
      }
      await ended;
    },
  };
}

/** Rejects when the port is taken. */
async function takePort(port: number): Promise<void> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  server.close();
}

test.each([
  ["SIGTERM to npm, after the log says that it listens", "SIGTERM", "npm", "stderr"],
  ["SIGTERM to npm, after its output says so", "SIGTERM", "npm", "stdout"],
  ["SIGTERM to npm and server, as of a supervisor", "SIGTERM", "group", "stderr"],
  ["SIGINT to npm and server, as of Ctrl-C", "SIGINT", "group", "stdout"],
] as const)("npm start: %s drains the server and ends with 0", async (_what, signal, to, stream) => {
  await using backing = await embeddedBacking();
  await using npm = npmStart(backing.env, stream);
  const port = await npm.listening;
  npm.signal(signal, to);
  expect(await npm.ended).toBe(0);
  expect(npm.logged()).toMatch(new RegExp(`"server.stopping","signal":"${signal}"[^]*"server.stopped"`));
  await takePort(port);
});

test("a signal during the start ends the process with 0, after what was opened is closed", { retry: 2 }, async () => {
  await using backing = await embeddedBacking();
  await using consul = await startFakeConsul();
  consul.mode = "hang";
  // The start waits a second for a catalog that does not answer.
  await using starting = spawnMuster({ ...backing.env, MUSTER_CATALOG: `consul+${consul.url}` });
  await expect.poll(() => consul.counts.requests, { interval: 5 }).toBeGreaterThan(0);
  starting.signal("SIGTERM");
  expect(await starting.ended).toBe(0);
  expect(starting.logged()).toMatch(/"server.stopping","signal":"SIGTERM"[^]*"server.stopped"/);
  expect(starting.logged()).not.toContain("server.listening");
  // The state directory is free again.
  await using next = await startMuster(backing.env);
  next.signal("SIGTERM");
  expect(await next.ended).toBe(0);
});

test("a start that fails for another reason still says so", async () => {
  await using backing = await embeddedBacking();
  await using failing = spawnMuster({ ...backing.env, MUSTER_STORE: "sqlite:/dev/null/muster.db" });
  expect(await failing.ended).toBe(1);
});
