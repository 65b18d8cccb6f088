/** The command line as words: what it takes and what it refuses, without a server. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { commands } from "../../src/cli/commands.ts";
import { worded } from "../../src/cli/frame/called-as.ts";
import { findCommand, parseInput } from "../../src/cli/frame/parse.ts";
import { registerOptions } from "../../src/cli/registration/register-options.ts";
import { parseTokenFile } from "../../src/rpc/platform/tokens.ts";
import { runCli } from "../support/muster-cli.ts";

/** How the tests call it. */
const program = "node bin/muster.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { readonly version: string };

test("the token it shows is let in by the entry it shows", async () => {
  const { code, out, err } = await runCli(["token", "--principal", "ci", "--role", "registrar", "--role", "approver"]);
  expect([code, err]).toEqual([0, ""]);
  const [token, line] = out
    .split("\n")
    .filter((text) => text.startsWith("  "))
    .map((text) => text.trim());
  const table = parseTokenFile(`{"tokens": [${line}]}`);
  expect(table.find(token ?? "")).toMatchObject({ principal: { name: "ci", roles: ["registrar", "approver"] } });
  expect(line).not.toContain(token);
});

test("a token's entry has the groups, the policy roles and the tenant that were asked for", async () => {
  const { out } = await runCli(["token", "--principal", "amy", "--group", "payments", "--group", "on call", "--role", "security", "--tenant", "acme"]);
  const [token = "", line] = out
    .split("\n")
    .filter((text) => text.startsWith("  "))
    .map((text) => text.trim());
  const principal = { key: "tokens|amy", name: "amy", tenant: "acme", roles: [], groups: ["payments", "on call"], claimedRoles: ["security"] };
  expect(parseTokenFile(`{"tokens": [${line}]}`).find(token)).toEqual({ principal, isEnabled: true });
});

test("no two tokens are the same", async () => {
  const once = async () => (await runCli(["token", "--principal", "ci", "--role", "viewer"])).out;
  expect(await once()).not.toBe(await once());
});

test.each([
  ["a command that is not there", ["frobnicate"], /"frobnicate" is not a command\n/],
  ["a command with a letter wrong", ["regster"], /"regster" is not a command; did you mean "register"\?/],
  ["a name on the prototype", ["constructor"], /"constructor" is not a command/],
  ["half a command", ["attempts"], /"attempts" needs one more word: list, show, cancel\nTry: .* attempts --help\n/],
  ["a second word with a letter wrong", ["attempts", "lst"], /"attempts lst" is not a command: .*; did you mean "attempts list"\?/],
  ["a token for nobody", ["token", "--role", "viewer"], /--principal must be/],
  ["a token without a role", ["token", "--principal", "ci"], /--role must be one or more of viewer, registrar/],
  ["a role with a letter wrong", ["token", "--principal", "ci", "--role", "registar"], /--role has "registar": did you mean registrar\?/],
  ["a group without a name", ["token", "--principal", "ci", "--role", "viewer", "--group", ""], /--group must have names/],
  ["a tenant with a space", ["token", "--principal", "ci", "--role", "viewer", "--tenant", "a b"], /--tenant must be 1 to 64/],
  ["an unknown option", ["token", "--oops"], /muster token: --oops is not an option/],
  ["an option with a letter wrong", ["attempts", "list", "--sttae", "stuck"], /--sttae is not an option; did you mean --state\?/],
  ["an option without its value", ["attempts", "list", "--name"], /--name needs a value: --name NAME/],
  ["an option that swallows the next", ["attempts", "list", "--name", "--watch"], /--name needs a value/],
  ["a switch with a value", ["attempts", "list", "--watch=yes"], /--watch takes no value/],
  ["a value that is not on offer", ["attempts", "list", "-o", "jsn"], /-o: "jsn" must be one of table, json, yaml; did you mean json\?/],
  ["a state that is not there", ["attempts", "list", "--state", "done"], /must be one of running, unwinding/],
  ["an argument too many", ["unregister", "a", "b:1", "c"], /"c" is one argument too many/],
  ["an argument too few", ["attempts", "show"], /ATTEMPT_ID is missing/],
  ["arguments for serve", ["serve", "--port=1"], /--port is not an option/],
  ["a place without a port", ["unregister", "a", "host"], /HOST:PORT: "host" must be host:port/],
  ["a duration without a unit", ["attempts", "list", "--since", "5"], /--since: "5" must be a duration such as/],
  ["an address that is none", ["attempts", "list", "--address", "ftp://x"], /--address: "ftp:\/\/x" must be host:port/],
  ["half a client certificate", ["attempts", "list", "--tls-cert", "/dev/null"], /--tls-cert and --tls-key must be given together/],
  ["a file that is not there", ["attempts", "list", "--tls-ca", "/nowhere"], /--tls-ca: the file \/nowhere cannot be read/],
  ["nothing to register", ["register"], /NAME is missing[^]*HOST:PORT is missing[^]*--type is missing/],
  ["metadata without a key", ["register", "a", "b:1", "-t", "module", "--metadata", "x"], /--metadata: "x" must be KEY=VALUE/],
])("%s is refused with exit code 2", async (_what, args, message) => {
  const { code, out, err } = await runCli(args);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toMatch(message);
  expect(err).toMatch(/Try: node bin\/muster\.js .*--help\n$/);
});

test("all wrong options are reported together", async () => {
  const { err } = await runCli(["attempts", "list", "--one", "--two=2", "--name"]);
  expect(err.split("\n").filter((line) => line.startsWith("muster attempts list: "))).toHaveLength(3);
});

test("a misspelled variable is reported, not ignored", async () => {
  const { code, err } = await runCli(["attempts", "list"], { MUSTER_ADRESS: "127.0.0.1:1" });
  expect([code, err]).toEqual([2, expect.stringContaining("MUSTER_ADRESS is not known; did you mean MUSTER_ADDRESS?")]);
});

test("a token that cannot be one is refused and not shown", async () => {
  const { code, err } = await runCli(["attempts", "list", "--token", "se cret"]);
  expect(code).toBe(2);
  expect(err).not.toContain("cret");
});

test("options that all commands share may stand before the command", () => {
  const { command, argv } = findCommand(commands, ["--address", "h:1", "-o", "json", "attempts", "list", "--name", "x"]);
  const input = parseInput(command, argv);
  expect([command.name, input.text("address"), input.text("output"), input.text("name")]).toEqual(["attempts list", "h:1", "json", "x"]);
});

test("the types on offer are those of the contract", () => {
  const names = Object.keys(ServiceType).filter((name) => name !== "UNSPECIFIED");
  expect(registerOptions.find(({ name }) => name === "type")?.choices).toEqual(names.map((name) => name.toLowerCase()));
});

describe("help", () => {
  test("--version and --help", async () => {
    expect(await runCli(["--version"])).toEqual({ code: 0, out: `muster ${version}\n`, err: "" });
    for (const args of [["--help"], ["-h"], ["help"]]) {
      const { code, out } = await runCli(args);
      expect(code).toBe(0);
      for (const { name, what } of commands) expect(out.replace(/\s+/g, " ")).toContain(`${name} ${what}`);
    }
  });

  test.each(commands.map((command) => [command.name, command] as const))(
    "%s --help has an example of its own and every option, in 80 columns",
    async (name, command) => {
      const { code, out, err } = await runCli([...name.split(" "), "--help"]);
      expect([code, err]).toEqual([0, ""]);
      for (const { run } of command.examples) expect(out).toContain(`\n  ${worded(run, program)}\n`);
      for (const option of command.options) expect(out).toContain(`--${option.name}`);
      const prose = out.split("\nExamples\n")[0] ?? "";
      expect(prose.split("\n").filter((line) => line.length > 80)).toEqual([]);
      expect(await runCli(["help", ...name.split(" ")])).toEqual({ code, out, err });
    },
  );

  test("every example is a command line that is taken", () => {
    for (const { name, examples } of commands) {
      for (const { run } of examples) {
        const inner = /\$\((.*)\)/.exec(run)?.[1] ?? run;
        const words = [...inner.replace(/ [>|].*$/, "").matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
        const after = words.slice(words.indexOf("muster") + 1);
        const { command, argv } = findCommand(commands, after);
        expect(command.name).toBe(name);
        expect(() => parseInput(command, argv)).not.toThrow();
      }
    }
  });

  test("the words of a group", async () => {
    const { code, out } = await runCli(["attempts", "--help"]);
    expect([code, out]).toEqual([0, expect.stringMatching(/attempts list[^]*attempts show[^]*attempts cancel/)]);
  });
});
