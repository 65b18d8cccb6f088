/** `muster doctor` about systems outside that decide. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { startEventServer } from "../support/event-server.ts";
import { runCli } from "../support/muster-cli.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-doctor-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** `state text` of what it finds of them. */
async function inbound(file: string): Promise<{ readonly code: unknown; readonly found: string }> {
  const env = { MUSTER_LISTEN: "127.0.0.1:0", MUSTER_STORE: `sqlite:${join(folder, "absent.db")}`, MUSTER_INBOUND: file };
  const { code, out } = await runCli(["doctor", "-o", "json", "--address", "127.0.0.1:9"], env);
  expect(out).not.toContain("s3cret");
  const { findings } = JSON.parse(out) as { findings: Finding[] };
  const its = findings.filter(({ area }) => area === "inbound").map(({ state, text }) => `${state} ${text}`);
  return { code, found: its.join("\n") };
}

test("sources of events: how many, every problem with its place, and whether those answer that are read", async () => {
  const file = join(folder, "inbound.yaml");
  const source = (name: string, poll: string) =>
    `  - {name: ${name}, poll: {${poll}, key: s3cret}, approve: [x], subject: {approval: /id}, voter: {key: "service|${name}"}}\n`;
  const write = (text: string, mode = 0o600) => {
    writeFileSync(file, `sources:\n${text}`);
    chmodSync(file, mode);
  };
  await using server = await startEventServer();
  server.answer(({ path }, response) => void (path === "/gone" ? response.writeHead(404).end() : response.end(path === "/none" ? "{}" : '{"events": [1, 2]}')));
  const address = `127.0.0.1:${server.port}`;
  {
    const url = (path: string) => `url: "http://${address}/${path}"`;
    write(source("a", url("events")));
    expect((await inbound(file)).found).toBe(`ok 1 source in ${file}\nok a: http://${address}/events answers, 2 events`);
    write(source("a", url("events")) + source("b", url("none")) + source("c", url("gone?k=s3cret")) + source("d", 'url: "http://127.0.0.1:9/"'), 0o644);
    const { code, found } = await inbound(file);
    expect(code).toBe(1);
    expect(found.split("\n").toSorted()).toEqual([
      `bad b: http://${address}/none: the answer has no list of events: bare, or as events or data`,
      `bad c: http://${address}/gone: HTTP 404`,
      "bad d: http://127.0.0.1:9/: no connection (ECONNREFUSED)",
      `warn ${file} is world-readable`,
    ]);
    expect(found).not.toContain("s3cret");
  }
  write(source("a", "every: 10s"));
  expect((await inbound(file)).found).toMatch(/^bad the file of sources is not valid: sources\[0\]\.poll\.url: it is required \(line 2, /);
  expect((await inbound(`${file}.not`)).found).toMatch(/^bad the file .* cannot be read \(ENOENT\)/);
  expect((await inbound("")).found).toBe("");
});
