/** Files that a command line names are text in UTF-8. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../support/muster-cli.ts";

test.each([
  ["policy", "lint"],
  ["audit", "verify"],
  ["policy", "put"],
])("what is none is said to be none: %s %s", async (...command) => {
  const folder = await mkdtemp(join(tmpdir(), "muster-file-text-"));
  try {
    const file = join(folder, "latin-1");
    await writeFile(file, Buffer.from("key: caf\u00e9\n", "latin1"));
    const { code, err } = await runCli([...command, file]);
    expect([code, err]).toEqual([2, expect.stringContaining(`FILE: the file ${file} is no text in UTF-8`)]);
    const absent = await runCli([...command, join(folder, "absent")]);
    expect([absent.code, absent.err]).toEqual([2, expect.stringContaining("cannot be read")]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
