/** Commands on a terminal, which `script` makes; where that is not installed the suite's name says so. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster, type Backing, type MusterProcess } from "../support/muster.ts";

const entry = new URL("../../bin/muster.js", import.meta.url).pathname;
const hasScript = spawnSync("script", ["--version"]).status === 0;
// oxlint-disable-next-line no-control-regex
const colour = /\u001b\[\d+m/;

describe(hasScript ? "a terminal" : "a terminal (not tried: script is not installed here)", () => {
  let backing: Backing;
  let muster: MusterProcess;
  beforeAll(async () => {
    backing = await embeddedBacking();
    muster = await startMuster(backing.env);
  });
  afterAll(async () => {
    await muster[Symbol.asyncDispose]();
    await backing[Symbol.asyncDispose]();
  });

  /** A command of a person at a terminal of 80 columns; Ctrl-C is a key. */
  function onTerminal(args: string, env: Record<string, string> = {}) {
    const child = spawn("script", ["-qec", `stty cols 80 rows 24; exec ${process.execPath} ${entry} ${args}`, "/dev/null"], {
      env: { PATH: process.env["PATH"] ?? "", TERM: "xterm", MUSTER_ADDRESS: muster.address, ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk.replaceAll("\r\n", "\n")));
    return {
      out: () => out,
      press: (key: string) => child.stdin.write(key),
      ended: once(child, "close").then(([status]) => ({ out, status: status as number | null })),
    };
  }

  test("register shows the steps live, in colour, and takes the moving line away", async () => {
    if (!hasScript) return;
    await using module = await startFakeModule({ name: "live", version: "1.0.0", delayMs: 700 });
    const { out, status } = await onTerminal(`register live ${module.host}:${module.port} -t module --version 1.0.0`).ended;
    expect(status).toBe(0);
    expect(out).toMatch(colour);
    expect(out).toMatch(/waiting for the next step, \d/);
    expect(out.split("\n").at(-2)).toContain("is registered, in ");
    const left = out.split("\n").map((line) => line.split("\u001b[2K").at(-1) ?? "");
    expect(left.filter((line) => line.includes("waiting"))).toEqual([]);
  });

  test("watch draws the list anew, and the key Ctrl-C ends it with 0", async () => {
    if (!hasScript) return;
    await using module = await startFakeModule({ name: "drawn", version: "1.0.0" });
    const watching = onTerminal("watch modules");
    await eventually(async () => watching.out().includes("Ctrl-C ends") || undefined);
    expect(watching.out()).not.toContain("drawn");
    await onTerminal(`register drawn ${module.host}:${module.port} -t module --version 1.0.0`).ended;
    await eventually(async () => watching.out().includes(`drawn-${module.host}-${module.port}`) || undefined);
    watching.press("\u0003");
    expect((await watching.ended).status).toBe(0);
  });

  test.each([{ NO_COLOR: "1" }, { TERM: "dumb" }])("no colours with %j", async (env) => {
    if (!hasScript) return;
    const { out, status } = await onTerminal("register nobody 127.0.0.1:9 -t service --startup-grace 0s", env).ended;
    expect(status).toBe(3);
    expect(out).toContain("✗ FAILED");
    expect(out).not.toMatch(colour);
  });

  test("no line of a table is wider than the terminal", async () => {
    if (!hasScript) return;
    await onTerminal("register wide 127.0.0.1:9 -t service --startup-grace 0s").ended;
    const { out } = await onTerminal("attempts list", { NO_COLOR: "1" }).ended;
    expect(out).toContain("…");
    expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });
});
