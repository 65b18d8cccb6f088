/** A caller who asks and does not read: he is answered no more, everybody else is, and he is again when he has read. */
import { createHash } from "node:crypto";
import http2 from "node:http2";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { createAuthGate } from "../../src/rpc/platform/auth.ts";
import { parseTokenFile } from "../../src/rpc/platform/tokens.ts";
import { createStockClient } from "../support/rpc-client.ts";
import { eventually, startTestServer, aborted, type TestServer } from "../support/rpc-server.ts";

const sha256 = (token: string) => createHash("sha256").update(token).digest("hex");
const tokens = parseTokenFile(JSON.stringify({ tokens: ["a", "b"].map((name) => ({ principal: name, roles: ["admin"], sha256: sha256(`token-${name}`) })) }));
const answerBytes = 100_000;
const calls = 60;
/** Empty messages. */
const bodies: Readonly<Record<string, string>> = { "application/grpc": "\0\0\0\0\0", "application/grpc+json": "\0\0\0\0\u0002{}", "application/json": "{}" };

function start(): Promise<TestServer> {
  return startTestServer(
    {
      getService: () => ({ serviceName: "x".repeat(answerBytes) }),
      // As with a store, many have asked when the first is answered.
      async getModule() {
        await new Promise((resolve) => setImmediate(resolve));
        return { moduleName: "x".repeat(answerBytes) };
      },
      async *watchServices(_request, context) {
        yield { services: [{ serviceName: "x".repeat(answerBytes) }] };
        await aborted(context);
      },
    },
    { gate: createAuthGate({ mode: "tokens", tokens }), limits: { unreadBytes: 10 * answerBytes, allUnreadBytes: 15 * answerBytes } },
  );
}

/** Asks without room for answers. Each end is a status of gRPC or of HTTP; what is answered and not read has none. */
function ask(server: TestServer, method: string, type: string, name: "a" | "b", count = calls) {
  const session = http2.connect(server.url, { settings: { initialWindowSize: 0 } });
  session.on("error", () => undefined);
  const ends: string[] = [];
  let begun = 0;
  for (let i = 0; i < count; i++) {
    const headers = {
      ":method": "POST",
      ":path": `/${Platform.typeName}/${method}`,
      "content-type": type,
      te: "trailers",
      authorization: `Bearer token-${name}`,
    };
    const stream = session.request(headers);
    stream.on("error", () => undefined);
    stream.on("response", (head) => {
      begun += 1;
      const status = head["grpc-status"] ?? (head[":status"] === 200 ? undefined : head[":status"]);
      if (status !== undefined) ends.push(String(status));
    });
    stream.on("trailers", (trailers: http2.IncomingHttpHeaders) => void ends.push(String(trailers["grpc-status"])));
    stream.end(bodies[type]);
  }
  return { session, ends, begun: () => begun };
}

test("what is carried out meanwhile is answered, and streams go on, where they say little", async () => {
  const [began, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using server = await startTestServer(
    {
      getService: () => ({ serviceName: "x".repeat(answerBytes) }),
      async unregister() {
        began.resolve();
        await go.promise;
        return { success: true };
      },
      async *register() {
        yield { event: { message: "one" } };
        await go.promise;
        yield { event: { message: "two" } };
      },
    },
    { gate: createAuthGate({ mode: "tokens", tokens }), limits: { unreadBytes: 10 * answerBytes, allUnreadBytes: 15 * answerBytes } },
  );
  using client = createStockClient(server.address);
  const as = { headers: { authorization: "Bearer token-a" } };
  const unregistering = client.call(Platform, "Unregister", {}, as);
  const registering = client.call(Platform, "Register", {}, as);
  await began.promise;
  const greedy = ask(server, "GetService", "application/grpc", "a");
  await eventually(() => greedy.begun() === calls);
  go.resolve();
  expect(await unregistering).toMatchObject({ code: status.OK });
  expect((await registering).messages).toHaveLength(2);
  greedy.session.destroy();
});

describe.each([
  ["GetService", "application/grpc", "8"],
  ["GetModule", "application/grpc", "8"],
  ["WatchServices", "application/grpc", "8"],
  // Its status comes after a body of nothing, for which there is no room either.
  ["GetService", "application/grpc+json", undefined],
  ["GetService", "application/json", "429"],
])("%s by %s", (method, type, refusal) => {
  test("has a limit for each caller, and one for all", async () => {
    await using server = await start();
    const refused = () => server.lines.filter(({ fields }) => fields["reason"] === "TOO_MANY_REQUESTS").map(({ fields }) => fields["principal"]);
    const asked = async (name: "a" | "b", count = calls) => {
      const all = ask(server, method, type, name, count);
      await eventually(() => all.begun() === count);
      return all;
    };
    const greedy = await asked("a");
    const other = await asked("b", 3);
    const more = await asked("b");
    if (refusal !== undefined) {
      expect([new Set(greedy.ends), other.ends, new Set(more.ends)]).toEqual([new Set([refusal]), [], new Set([refusal])]);
    }
    for (const { session } of [greedy, other, more]) session.destroy();
    await eventually(() => server.ends.length === 2 * calls + 3);
    // One more than fits into the limit of a caller, and into that of all.
    expect(refused().filter((name) => name === "a")).toHaveLength(calls - 10);
    expect(refused().filter((name) => name === "b")).toHaveLength(calls - 2);

    const again = await asked("a", 3);
    again.session.destroy();
    await eventually(() => server.ends.length === 2 * calls + 6);
    expect(refused()).toHaveLength(2 * calls - 12);
    expect(server.lines.filter(({ level }) => level === "error")).toEqual([]);
  });
});
