/** What is kept of the sources between starts is code: only its owner may write or read it. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";

const bin = new URL("../../bin", import.meta.url).pathname;
const installation = mkdtempSync(join(tmpdir(), "muster-cache-"));
afterEach(() => rmSync(installation, { recursive: true, force: true }));

test("the directories of the compile cache are 0700, whatever the umask and whatever they were", () => {
  cpSync(bin, join(installation, "bin"), { recursive: true });
  mkdirSync(join(installation, "src"));
  writeFileSync(join(installation, "package.json"), '{ "type": "module" }');
  writeFileSync(join(installation, "src", "main.ts"), "console.log(process.umask());");
  const cache = join(installation, "node_modules", ".cache", "muster");
  mkdirSync(cache, { recursive: true });
  chmodSync(cache, 0o777);
  symlinkSync(process.execPath, join(installation, "node"));
  const { stdout } = spawnSync("sh", ["-c", `umask 0; exec ./node bin/muster.js`], { cwd: installation, encoding: "utf8" });
  expect(stdout.trim()).toBe("0");
  const kept = readdirSync(cache).map((name) => join(cache, name));
  expect(kept.length).toBeGreaterThan(0);
  for (const path of [cache, ...kept]) expect(statSync(path).mode & 0o777).toBe(0o700);
});
