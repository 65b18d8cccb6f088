/** The command line, as a process. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseTokenFile } from "../src/rpc/tokens.ts";

const entry = new URL("../bin/muster.js", import.meta.url).pathname;
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { readonly version: string };

function muster(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [entry, ...args], { encoding: "utf8", env: { PATH: process.env["PATH"] ?? "" } });
  return { status, stdout, stderr };
}

test("the token it shows is let in by the entry it shows", () => {
  const { status, stdout, stderr } = muster("token", "--principal", "ci", "--role", "registrar", "--role", "approver");
  expect([status, stderr]).toEqual([0, ""]);
  const [token, line] = stdout
    .split("\n")
    .filter((text) => text.startsWith("  "))
    .map((text) => text.trim());
  const table = parseTokenFile(`{"tokens": [${line}]}`);
  expect(table.find(token ?? "")).toEqual({ name: "ci", roles: ["registrar", "approver"] });
  expect(line).not.toContain(token);
});

test("no two tokens are the same", () => {
  const once = () => muster("token", "--principal", "ci", "--role", "viewer").stdout;
  expect(once()).not.toBe(once());
});

test.each([
  ["a command that is not there", ["frobnicate"], /"frobnicate" is not a command; there is: serve, token/],
  ["a name on the prototype", ["constructor"], /"constructor" is not a command/],
  ["a token for nobody", ["token", "--role", "viewer"], /--principal must be/],
  ["a token without a role", ["token", "--principal", "ci"], /--role must be one or more of viewer, registrar/],
  ["a role that is not there", ["token", "--principal", "ci", "--role", "boss"], /--role must be/],
  ["an unknown option", ["token", "--oops"], /--oops/],
  ["arguments for serve", ["serve", "--port=1"], /configured by its environment/],
])("%s is refused with exit code 2", (_what, args, told) => {
  const { status, stdout, stderr } = muster(...args);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(told);
  expect(stderr).toContain("muster --help");
});

test("--version and --help", () => {
  expect(muster("--version")).toEqual({ status: 0, stdout: `muster ${version}\n`, stderr: "" });
  for (const args of [["--help"], ["-h"], ["help"], ["token", "--help"]]) {
    const { status, stdout } = muster(...args);
    expect(status).toBe(0);
    expect(stdout).toContain("muster token --principal NAME --role ROLE");
  }
});
