/** Commands on a terminal, which `script` makes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster, type Backing, type MusterProcess } from "../support/muster.ts";
import { describeWith } from "../support/real-servers.ts";

const entry = new URL("../../bin/muster.js", import.meta.url).pathname;
// oxlint-disable-next-line no-control-regex
const colour = /\u001b\[\d+m/;

describeWith(["script"], "a terminal", () => {
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
    await using module = await startFakeModule({ name: "live", version: "1.0.0", delayMs: 2_000 });
    const { out, status } = await onTerminal(`register live ${module.host}:${module.port} -t module --version 1.0.0`).ended;
    expect(status).toBe(0);
    expect(out).toMatch(colour);
    expect(out).toMatch(/waiting for the next step, \d/);
    expect(out.split("\n").at(-2)).toContain("is registered, in ");
    const left = out.split("\n").map((line) => line.split("\u001b[2K").at(-1) ?? "");
    expect(left.filter((line) => line.includes("waiting"))).toEqual([]);
  });

  test("watch draws the list anew, and the key Ctrl-C ends it with 0", async () => {
    await using module = await startFakeModule({ name: "drawn", version: "1.0.0" });
    const watching = onTerminal("watch modules");
    await eventually(async () => watching.out().includes("Ctrl-C ends") || undefined);
    expect(watching.out()).not.toContain("drawn");
    await onTerminal(`register drawn ${module.host}:${module.port} -t module --version 1.0.0`).ended;
    await eventually(async () => /drawn +127\.0\.0\.1:\d+ /.test(watching.out()) || undefined);
    watching.press("\u0003");
    expect((await watching.ended).status).toBe(0);
  });

  test.each([{ NO_COLOR: "1" }, { TERM: "dumb" }])("no colours with %j", async (env) => {
    const { out, status } = await onTerminal("register nobody 127.0.0.1:9 -t service --startup-grace 0s", env).ended;
    expect(status).toBe(3);
    expect(out).toContain("✗ FAILED");
    expect(out).not.toMatch(colour);
  });

  test("no line of a table is wider than the terminal", async () => {
    await onTerminal("register wide 127.0.0.1:9 -t service --startup-grace 0s").ended;
    const { out } = await onTerminal("attempts list", { NO_COLOR: "1" }).ended;
    expect(out).toContain("…");
    expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });
});
