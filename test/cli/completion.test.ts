/** The completion scripts, in the shells they are for; a shell that is not installed is left out. */
import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, test } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { runCli } from "../support/muster-cli.ts";
import { describeWith } from "../support/real-servers.ts";

describe.each(["bash", "zsh", "fish"])("%s", (shell) => {
  let script = "";
  beforeAll(async () => {
    const { code, out, err } = await runCli(["completion", shell]);
    expect([code, err]).toEqual([0, ""]);
    script = out;
  });

  test("has every command and every option", () => {
    for (const { name, options } of commands) {
      for (const word of name.split(" ")) expect(script).toContain(word);
      for (const option of options) expect(script).toContain(shell === "fish" ? `-l ${option.name}` : `--${option.name}`);
    }
  });

  describeWith([shell], `in ${shell} itself`, () => {
    test("is taken", () => {
      const { status, stderr } = spawnSync(shell, ["-n"], { input: script, encoding: "utf8" });
      expect([status, stderr]).toEqual([0, ""]);
    });
  });
});

test.each([
  ["muster re", ["register", "resolve"]],
  ["muster schema ", ["get", "versions", "diff"]],
  ["muster attempts c", ["cancel"]],
  ["muster attempts list --sta", ["--state"]],
  ["muster attempts list --state st", ["stuck"]],
  ["muster approvals re", ["reject", "request-changes", "revise", "reassign"]],
  ["muster approvals list --state pen", ["pending"]],
  ["muster approvals list --state r", ["rejected"]],
  ["muster approvals approve x -o ", ["table", "json", "yaml"]],
  ["muster standin ", ["put", "list", "delete"]],
  ["muster audit export a", ["approval"]],
  ["muster policy simulate k t/i --vo", ["--vote"]],
  ["muster register x h:1 -t m", ["module"]],
  ["muster services -o ", ["table", "json", "yaml"]],
  ["muster watch m", ["modules"]],
  ["muster completion ", ["bash", "zsh", "fish", "--help"]],
])("bash completes %j", async (line, wanted) => {
  const { out } = await runCli(["completion", "bash"]);
  const words = line.split(" ");
  const ask = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _muster; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", `${out}\n${ask}`], { encoding: "utf8" });
  expect(stderr).toBe("");
  const given = stdout.trim().split("\n");
  for (const word of wanted) expect(given).toContain(word);
  expect(given.every((word) => word.startsWith(words.at(-1) ?? ""))).toBe(true);
  // Of an option's values only those of this command.
  if (line.includes("--state r")) expect(given).toEqual(wanted);
});
