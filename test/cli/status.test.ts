/** `muster status` of a running server, and of none. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { startEventServer } from "../support/event-server.ts";
import { eventually } from "../support/instances.ts";
import { runCli } from "../support/muster-cli.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { ownPort } from "../support/own-port.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-status-"));
const file = join(folder, "inbound.yaml");
afterAll(() => rmSync(folder, { recursive: true }));

interface Status {
  readonly status: string;
  readonly dependencies: readonly { readonly name: string; readonly status: string }[];
  readonly sources: readonly { readonly poll?: { readonly succeededAt?: string } }[];
}

test("it says which dependencies answer, and how the sources go that are read", async () => {
  await using source = await startEventServer();
  source.answer((_, response) => void response.end("[]"));
  writeFileSync(
    file,
    `sources: [{name: core, poll: {url: "http://127.0.0.1:${source.port}/events"}, approve: [x], subject: {approval: /id}, voter: {key: "service|core"}}]`,
  );
  await using backing = await embeddedBacking();
  // Nobody listens where the brokers should be: the server is ready without them.
  await using muster = await startMuster({ ...backing.env, MUSTER_INBOUND: file, MUSTER_EVENTS: `kafka://127.0.0.1:${await ownPort()}` });
  const status = (...args: readonly string[]) => runCli(["status", ...args], { MUSTER_ADDRESS: muster.address, MUSTER_PRINCIPAL: "root" });
  await eventually(async () => (JSON.parse((await status("-o", "json")).out) as Status).sources[0]?.poll?.succeededAt);
  const { code, out } = await status();
  expect([code, out]).toEqual([0, expect.stringContaining(`${muster.address} is ready, without some of its dependencies\n\nDEPENDENCY  STATE`)]);
  expect(out).toMatch(/^store +answers +\d+ +-\n[^]*^events +away +\d+ +\S.*$/m);
  expect(out).toMatch(/^SOURCE +BY [^]*\ncore +poll, 10 s +read +\d+s +- +-$/m);
  const { dependencies, ...rest } = JSON.parse((await status("-o", "json")).out) as Status;
  expect(rest).toMatchObject({ status: "degraded", sources: [{ name: "core", sends: false }] });
  expect(dependencies.find(({ name }) => name === "events")).toMatchObject({ status: "error" });
});

test("without sources there is no table of them; a server that is not there ends it with 7", async () => {
  await using backing = await embeddedBacking();
  await using muster = await startMuster(backing.env);
  const { code, out } = await runCli(["status"], { MUSTER_ADDRESS: muster.address });
  expect([code, out]).toEqual([0, expect.stringContaining(`${muster.address} is ready\n`)]);
  expect(out).not.toContain("SOURCE");
  const none = await runCli(["status"], { MUSTER_ADDRESS: `127.0.0.1:${await ownPort()}` });
  expect([none.code, none.err]).toEqual([7, expect.stringMatching(/no Muster|refused|npm start|listens/)]);
});
