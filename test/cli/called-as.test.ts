/** Hints are worded as the program was called; without a command it explains itself. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { calledAs, worded } from "../../src/cli/frame/called-as.ts";
import { systemPath } from "../support/example.ts";
import { cliEntry, runCli } from "../support/muster-cli.ts";
import { root } from "../support/source-tree.ts";

const PATH = process.env["PATH"] ?? "";

/** stderr of a call that finds no server. */
async function hintsOf(command: string, args: readonly string[], cwd: string, path = PATH, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const env = { PATH: path, HOME: process.env["HOME"] ?? "", npm_config_update_notifier: "false", ...more };
  const call = promisify(execFile)(command, [...args, "services", "--address", "127.0.0.1:9"], { cwd, env });
  return call.then(
    () => "",
    (error: { readonly stderr?: string }) => error.stderr ?? "",
  );
}

describe("a hint begins with", () => {
  test("node and the script's path, from where it was called", async () => {
    expect(await hintsOf(process.execPath, ["bin/muster.js"], root)).toContain("Start a server there with: node bin/muster.js serve\n");
    // Not the temporary folder itself: the checkout may be below it.
    const elsewhere = await mkdtemp(join(tmpdir(), "muster-called-"));
    expect(await hintsOf(process.execPath, [cliEntry], elsewhere)).toContain(`Start a server there with: node ${cliEntry} serve\n`);
    await rm(elsewhere, { recursive: true });
  });

  test("muster, when that is on the PATH", async () => {
    const folder = await mkdtemp(join(tmpdir(), "muster-called-"));
    await symlink(cliEntry, join(folder, "muster"));
    expect(await hintsOf("muster", [], tmpdir(), `${folder}:${PATH}`)).toContain("Start a server there with: muster serve\n");
    await rm(folder, { recursive: true });
  });

  test("npx muster below npx, which finds this package's own", { timeout: 60_000 }, async () => {
    expect(await hintsOf("npx", ["--no-install", "muster"], root)).toContain("Start a server there with: npx muster serve\n");
  });

  test("itself, and no warning of npm's about the Node that the reader has", { timeout: 60_000 }, async () => {
    // npm looks at the package when it has no copy of it yet.
    const cache = await mkdtemp(join(tmpdir(), "muster-called-"));
    expect(await hintsOf("npx", ["muster"], root, systemPath(), { npm_config_cache: cache })).toMatch(/^(?!npm)[^\n]*127\.0\.0\.1:9(?![^]*npm warn)/);
    await rm(cache, { recursive: true });
  });
});

test("a link that is not on the PATH is called by its path", () => {
  expect(calledAs({ script: "/app/node_modules/.bin/muster", cwd: "/app", settings: { PATH: "/bin" } })).toBe("node_modules/.bin/muster");
});

test("only commands are worded", () => {
  expect(worded("`muster doctor` says more of another Muster; name muster, muster 0.1", "npx muster")).toBe(
    "`npx muster doctor` says more of another Muster; name muster, muster 0.1",
  );
});

test("without a command it prints help", async () => {
  const { code, out, err } = await runCli([]);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/^ {2}serve +run the server$/m);
  expect(out).toMatch(/^ {2}node bin\/muster\.js COMMAND --help\b/m);
});
