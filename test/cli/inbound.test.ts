/** `muster inbound` against a running Muster, and files of sources that it does not start with. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parseSources } from "../../src/adapters/inbound-file/parse.ts";
import { ask, person, usePolicy } from "../support/approvals.ts";
import { runCli } from "../support/muster-cli.ts";
import { embeddedBacking, spawnMuster } from "../support/muster.ts";
import { inEveryMode } from "../support/world.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-inbound-"));
const file = join(folder, "inbound.yaml");
writeFileSync(
  file,
  `sources: [{name: local, unsigned: true, approve: [approved], subject: {type: market, id: /payload/market_id}, voter: {key: "service|local", groups: [deciders]}},
    {name: cloud, topics: ["arn:aws:sns:eu-west-1:123456789012:decisions"], approve: [approved], subject: {approval: /payload/id}, voter: {key: "service|cloud"}}]`,
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const markets = "{key: markets, subject: market, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {groups: [deciders]}, need: 1}]}]}";

inEveryMode(
  "events from outside on the command line",
  (world) => {
    const muster = (...args: readonly string[]) => runCli(["inbound", ...args], { MUSTER_ADDRESS: world().muster.address, MUSTER_PRINCIPAL: "root" });
    const deliver = (market: string, type: string) =>
      fetch(`http://${world().muster.address}/api/v1/webhooks/local`, {
        method: "POST",
        body: JSON.stringify({
          event_id: `${market}-${type}`,
          event_type: type,
          occurred_at: "2100-01-01T00:00:00Z",
          payload: { market_id: market, digest: "d" },
        }),
      });

    test("they are listed with their counts, looked at, tried again and deleted", async () => {
      const market = world().unique("market");
      expect((await deliver(market, "opened")).status).toBe(200);
      expect((await deliver(market, "approved")).status).toBe(202);
      const listed = await muster("list");
      expect([listed.code, listed.out]).toEqual([
        0,
        expect.stringMatching(/failed +local +approved .* SUBJECT_UNKNOWN[\s\S]*skipped +local +opened .* UNKNOWN_TYPE/),
      ]);
      expect(listed.out).toContain("local: 1 failed, 1 skipped\n");
      const one = JSON.parse((await muster("list", "--status", "failed", "--source", "local", "-o", "json")).out) as { events: { id: string }[] };
      const id = one.events[0]?.id ?? "";
      expect((await muster("show", id)).out).toMatch(
        /id there +market\S+-approved\n[\s\S]*why +SUBJECT_UNKNOWN: there is no request for market [\s\S]*body +\{/,
      );
      const again = await muster("retry", id);
      expect([again.code, again.out]).toEqual([1, expect.stringMatching(/status +failed/)]);

      using admin = person(world().muster.address, "root");
      await usePolicy(admin, markets);
      const opened = await ask(admin, { policyKey: "markets", subject: { type: "market", id: market, digest: "d" } });
      const done = await muster("retry", id);
      // The server tries by itself, too, and may have been first.
      expect([0, 6]).toContain(done.code);
      expect((await muster("show", id)).out).toMatch(new RegExp(`status +succeeded\nrequest +${opened.id}`));
      const { code, err } = await muster("retry", id);
      expect([code, err]).toEqual([6, expect.stringContaining("its vote was cast already")]);
      expect((await muster("show", opened.id)).code).toBe(5);
      expect((await muster("prune", "--older-than", "1m")).code).toBe(2);
      expect((await muster("prune", "--older-than", "1h")).out).toBe("0 deleted\n");
      const sources = await muster("sources");
      expect([sources.code, sources.out]).toEqual([0, expect.stringMatching(/^local +webhook +- +- +- +-\ncloud +Amazon SNS +- +- +- +-$/m)]);
      const page = await fetch(`http://${world().muster.address}/metrics`);
      const text = await page.text();
      expect(text).toContain('inbound_events_total{source="local",result="succeeded"} 1');
      expect(text).toContain('inbound_parked_total{source="local"} 0');
    });
  },
  { MUSTER_INBOUND: file },
);

const good = `name: a, secrets: [0123456789abcdef], approve: [x], subject: {approval: /id}, voter: {key: "s|a"}`;
const arn = "arn:aws:sns:eu-west-1:123456789012:decisions";
const topics = good.replace("secrets: [0123456789abcdef]", `topics: ["${arn}"]`);

test.each([
  ["sources: []", "sources: it has no source (line 1, column 10)"],
  ["sources:\n  - {nam: a}", "sources[0].nam: it is not known; did you mean name? (line 2, column 6)"],
  [`sources: [{${good.replace("name: a", "name: health")}}]`, "the name health is taken by the health route"],
  [`sources: [{${good}}, {${good}}]`, "the name a is there twice"],
  [`sources: [{${good.replace("0123456789abcdef", "short")}}]`, "a secret must have 16 to 255 printable ASCII characters"],
  [`sources: [{${good.replace("0123456789abcdef", "1234567890123456")}}]`, "it is text: put it in quotes"],
  [`sources: [{${good.replace("0123456789abcdef", "whsec_not-base64-at-all!")}}]`, "a secret must have Base64 after whsec_"],
  [`sources: [{${good.replace("secrets: [0123456789abcdef], ", "")}}]`, "secrets, topics or poll is required"],
  [`sources: [{${good}, unsigned: true}]`, "a source has one of secrets, topics and unsigned (line 1,"],
  [`sources: [{${good}, topics: ["${arn}"]}]`, "a source has one of secrets, topics and unsigned"],
  [`sources: [{${topics}, unsigned: true}]`, "a source has one of secrets, topics and unsigned"],
  [`sources: [{${topics.replace("sns", "sqs")}}]`, "it is the ARN of a standard topic, such as arn:aws:sns:eu-west-1:123456789012:decisions (line 1,"],
  [`sources: [{${topics.replace("eu-west-1", "cn-north-1")}}]`, "it names the region cn-north-1, which is in arn:aws-cn"],
  [`sources: [{${topics.replace(`"${arn}"`, "")}}]`, "there are 1 to 20 topics"],
  [`sources: [{${good}, emulator: "http://127.0.0.1:5000"}]`, "only a source with topics has an emulator, and only where the server listens on loopback"],
  [`sources: [{${topics}, emulator: "http://sns.example:5000"}]`, "it is the address of an emulator of SNS on this machine"],
  [`sources: [{${topics}, emulator: "https://127.0.0.1:5000/x"}]`, "it is the address of an emulator of SNS on this machine"],
  [`sources: [{${good.replace("approve: [x], ", "")}}]`, "approve or reject is required"],
  [`sources: [{${good.replace("[x]", '["a*b*"]')}}]`, "it is a type, in which one * stands for any text"],
  [`sources: [{${good.replace("/id", "payload.id")}}]`, "it is a JSON Pointer, such as /payload/market_id (line 1, column 84)"],
  [`sources: [{${good.replace("{approval: /id}", "{type: t}")}}]`, "it is {approval: POINTER}, or {type: TYPE, id: POINTER}"],
  [`sources: [{${good.replace("s|a", "a")}}]`, "it is the key of a principal"],
  [`sources: [{${good}, tenant: "a b"}]`, "it must be 1 to 64 of"],
  ["sources: [", "the file of sources is not valid"],
])("a server does not start with the sources %s, and says why without their secrets", async (text, why) => {
  const bad = join(folder, "bad.yaml");
  writeFileSync(bad, text);
  await using backing = await embeddedBacking();
  const muster = spawnMuster({ ...backing.env, MUSTER_INBOUND: bad });
  const said = await muster.listening.then(
    () => "it started",
    (error: unknown) => String(error),
  );
  expect(said).toContain(why);
  expect(said).not.toMatch(/0123456789abcdef|not-base64/);
  await muster[Symbol.asyncDispose]();
});

test("an emulator is only for a server that nobody else reaches", () => {
  const text = `sources: [{${topics}, emulator: "http://127.0.0.1:5000"}]`;
  expect(parseSources(text, { isOnLoopback: true })).toMatchObject([{ topics: [arn], emulator: "http://127.0.0.1:5000", secrets: [] }]);
  expect(() => parseSources(text, { isOnLoopback: false })).toThrow("only where the server listens on loopback");
});
