/** The ids of topics' schemas: registered once, remembered, asked for again. */
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createTopicSchemas } from "../src/adapters/apicurio/topic-schemas.ts";
import { systemClock } from "../src/adapters/system/clock.ts";
import { describeReal } from "./support/real-servers.ts";

const never = new AbortController().signal;
const schemaOf = (topic: string) => `syntax = "proto3";\nmessage Of${topic.length} {\n  string id = 1;\n}\n`;

describeReal("the schemas of topics in Apicurio", ({ apicurio: url }) => {
  const open = () => createTopicSchemas({ url, schemaOf, clock: systemClock });
  const artifacts = `${url}/groups/default/artifacts`;
  const versions = async (topic: string) =>
    ((await (await fetch(`${artifacts}/${topic}/versions?orderby=globalId`)).json()) as { versions: readonly { contentId: number }[] }).versions;

  test("many servers that begin at once register one version, under the id they all give out", async () => {
    const topic = `test.${crypto.randomUUID()}`;
    const servers = Array.from({ length: 6 }, open);
    const ids = await Promise.all(servers.map((server) => server.idOf(topic, never)));
    for (const server of servers) server[Symbol.dispose]();
    expect(await versions(topic)).toMatchObject([{ contentId: ids[0] }]);
    expect(new Set(ids).size).toBe(1);
  });

  test("what others have registered for the topic stays, and is used when it is the same", async () => {
    const topic = `test.${crypto.randomUUID()}`;
    const put = async (content: string) => {
      const body = { artifactId: topic, artifactType: "PROTOBUF", firstVersion: { content: { content, contentType: "application/x-protobuf" } } };
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${artifacts}?ifExists=CREATE_VERSION`, { method: "POST", headers, body: JSON.stringify(body) });
      return ((await answer.json()) as { version: { contentId: number } }).version.contentId;
    };
    const same = await put(schemaOf(topic));
    const other = await put('syntax = "proto3";\nmessage Other {}\n');
    using schemas = open();
    expect(await schemas.idOf(topic, never)).toBe(same);
    expect((await versions(topic)).map(({ contentId }) => contentId).toSorted((a, b) => a - b)).toEqual([same, other].toSorted((a, b) => a - b));
  });
});

/** A registry that answers as a test says, and counts. */
async function startRegistry() {
  let answer = { status: 200, body: JSON.stringify({ version: { contentId: 1 } }) };
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    request.resume().on("end", () => response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/apis/registry/v3`,
    asked: () => asked,
    answers(status: number, body: unknown) {
      answer = { status, body: JSON.stringify(body) };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

test("an id is asked for once a minute, and used further while the registry is away", async () => {
  await using registry = await startRegistry();
  let now = 0;
  using schemas = createTopicSchemas({ url: registry.url, schemaOf, clock: { now: () => now } });
  expect(await schemas.idOf("a", never)).toBe(1);
  now = 59_999;
  registry.answers(200, { version: { contentId: 2 } });
  expect([await schemas.idOf("a", never), registry.asked()]).toEqual([1, 1]);
  expect([await schemas.idOf("b", never), registry.asked()]).toEqual([2, 2]);
  now = 60_000;
  expect([await schemas.idOf("a", never), registry.asked()]).toEqual([2, 3]);
  now = 120_000;
  registry.answers(503, {});
  expect([await schemas.idOf("a", never), registry.asked()]).toEqual([2, 4]);
  await expect(schemas.idOf("c", never)).rejects.toMatchObject({ kind: "unavailable" });
  registry.answers(200, { version: { contentId: 9 } });
  expect(await schemas.idOf("a", never)).toBe(9);
});

test.each([
  ["a refusal", 400, { name: "RuleViolationException" }, "wrong_state"],
  ["an answer without an id", 200, { version: {} }, "unavailable"],
  ["an id that no frame has room for", 200, { version: { contentId: 2 ** 31 } }, "unavailable"],
  ["a conflict that does not end", 409, { name: "VersionAlreadyExistsException" }, "unavailable"],
])("%s is reported, and no id is invented", async (_, status, body, kind) => {
  await using registry = await startRegistry();
  registry.answers(status, body);
  using schemas = createTopicSchemas({ url: registry.url, schemaOf, clock: systemClock });
  await expect(schemas.idOf("a", never)).rejects.toMatchObject({ kind });
});

test("an aborted call ends with the signal's reason", async () => {
  await using registry = await startRegistry();
  using schemas = createTopicSchemas({ url: registry.url, schemaOf, clock: systemClock });
  const reason = new Error("stopped");
  await expect(schemas.idOf("a", AbortSignal.abort(reason))).rejects.toBe(reason);
});
