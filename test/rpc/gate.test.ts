/** A gate that has to look something up first: what holds meanwhile, on both ways through the server. */
import http2 from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform, UnregisterRequestSchema } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { principalOf } from "../../src/kernel/caller.ts";
import { DomainError, unavailable } from "../../src/kernel/errors.ts";
import { nobody, principalKey, refusalOf, type Admission, type Gate } from "../../src/rpc/platform/auth.ts";
import { createStockClient, reasonOf } from "../support/rpc-client.ts";
import { eventually, startTestServer, type PlatformStub } from "../support/rpc-server.ts";

const somebody = principalOf("oidc", "somebody", ["admin"]);
const admitted: Admission = { principal: somebody, refusal: undefined };

/** A gate that answers when the test says so, and handlers that count. */
function held() {
  const answer = Promise.withResolvers<Admission>();
  let asked = 0;
  let entered = 0;
  const gate: Gate = () => ((asked += 1), answer.promise);
  const stub: PlatformStub = {
    unregister: ({ name }, context) => ((entered += 1), { message: `${context.values.get(principalKey).name} ${name.length}` }),
    async *register() {
      entered += 1;
      yield {};
    },
  };
  return { gate, stub, answer, asked: () => asked, entered: () => entered };
}

describe.each([
  ["the short way", true],
  ["the long way", false],
] as const)("a gate that answers later, %s", (_name, fastLane) => {
  test("lets the handler begin, and know who calls, when it has answered", async () => {
    const { gate, stub, answer, asked, entered } = held();
    await using server = await startTestServer(stub, { gate, fastLane });
    using client = createStockClient(server.address);
    const unary = client.start(Platform, "Unregister", { name: "abc" });
    const stream = client.start(Platform, "Register");
    await eventually(() => asked() === 2);
    // The bytes of both calls were there before this answer was.
    expect(await client.call(Platform, "Unregister", {}, { deadlineMs: 200 })).toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
    expect(entered()).toBe(0);
    answer.resolve(admitted);
    expect(await unary.ended).toMatchObject({ code: grpc.status.OK, messages: [{ message: "somebody 3" }] });
    expect(await stream.ended).toMatchObject({ code: grpc.status.OK, messages: [{}] });
  });

  test("refuses without reading the message", async () => {
    const { gate, stub, answer, entered } = held();
    await using server = await startTestServer(stub, { gate, fastLane });
    using client = createStockClient(server.address);
    const seen = client.raw(`/${Platform.typeName}/Unregister`, new Uint8Array([0xff]));
    answer.resolve({ principal: nobody, refusal: refusalOf({ kind: "rpc", name: "x", access: "viewer" }, nobody) });
    expect(await seen).toMatchObject({ code: grpc.status.UNAUTHENTICATED });
    expect(entered()).toBe(0);
  });

  test.each([
    ["as unavailable", unavailable("store", "no keys"), grpc.status.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"],
    ["with a fault", new Error("a secret of ours"), grpc.status.INTERNAL, "INTERNAL"],
  ])("that fails %s fails the call in that way, whether it rejects or throws", async (_how, error, code, reason) => {
    const gates: readonly Gate[] = [
      () => Promise.reject(error),
      () => {
        throw error;
      },
    ];
    for (const gate of gates) {
      const { stub, entered } = held();
      await using server = await startTestServer(stub, { gate, fastLane });
      using client = createStockClient(server.address);
      const seen = await client.call(Platform, "Unregister");
      expect([seen.code, reasonOf(seen)]).toEqual([code, reason]);
      expect(seen.details).not.toContain("secret");
      expect(entered()).toBe(0);
      await eventually(() => server.lines.length > 0);
      expect(server.lines).toMatchObject([{ event: "call failed", fields: { rpc: `${Platform.typeName}/Unregister`, reason } }]);
    }
  });

  test("and never does leaves the call to its deadline: the client's or the server's", async () => {
    const { gate, stub, entered } = held();
    await using server = await startTestServer(stub, { gate, fastLane, limits: { unaryMs: 400, headersMs: 100, requestMs: 100, watchMs: 800 } });
    using client = createStockClient(server.address);
    const calls = [client.call(Platform, "Unregister", {}, { deadlineMs: 300 }), client.call(Platform, "Unregister"), client.call(Platform, "Register")];
    for (const seen of await Promise.all(calls)) expect(seen.code).toBe(grpc.status.DEADLINE_EXCEEDED);
    await eventually(() => server.ends.length === 3);
    expect(server.ends.find(({ rpc }) => rpc.endsWith("/Register"))?.ms).toBeGreaterThan(600);
    expect(entered()).toBe(0);
  });

  test("does not hold up a caller who cancels, and is of no effect after that", async () => {
    const { gate, stub, answer, asked, entered } = held();
    await using server = await startTestServer(stub, { gate, fastLane });
    using client = createStockClient(server.address);
    const call = client.start(Platform, "Unregister");
    await eventually(() => asked() === 1);
    call.cancel();
    await eventually(() => server.ends.length === 1);
    expect(server.ends).toMatchObject([{ code: "CANCELLED" }]);
    answer.resolve(admitted);
    expect((await client.call(Platform, "Unregister")).code).toBe(grpc.status.OK);
    expect([entered(), server.ends.length]).toEqual([1, 2]);
  });

  test("is not waited for when the server stops", async () => {
    const { gate, stub, asked } = held();
    await using server = await startTestServer(stub, { gate, fastLane });
    using client = createStockClient(server.address);
    const call = client.start(Platform, "Unregister");
    await eventually(() => asked() === 1);
    await server.close(0);
    const seen = await call.ended;
    expect([seen.code, reasonOf(seen)]).toEqual([grpc.status.UNAVAILABLE, "SHUTTING_DOWN"]);
  });

  test("leaves what the client sends in the client", async () => {
    const bytes = 10_000_000;
    const { gate, stub, answer, asked } = held();
    await using server = await startTestServer(stub, { gate, fastLane, limits: { messageBytes: 2 * bytes } });
    const session = http2.connect(server.url);
    const stream = session.request({
      ":method": "POST",
      ":path": `/${Platform.typeName}/Unregister`,
      "content-type": "application/grpc+proto",
      te: "trailers",
    });
    const message = toBinary(UnregisterRequestSchema, create(UnregisterRequestSchema, { name: "n".repeat(bytes) }));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    let sent = 0;
    const pieceBytes = 50_000;
    const all = Buffer.concat([prefix, message]);
    for (let at = 0; at < all.length; at += pieceBytes) stream.write(all.subarray(at, at + pieceBytes), () => (sent += pieceBytes));
    stream.end();
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    await eventually(() => asked() === 1);
    // What the server would take at once, it has taken after a few round trips.
    for (let i = 0; i < 20; i++) await new Promise((resolve) => session.ping(resolve));
    expect(sent).toBeLessThan(400_000);
    answer.resolve(admitted);
    await new Promise((resolve) => stream.once("close", resolve));
    expect(Buffer.concat(chunks).toString("latin1")).toContain(`somebody ${bytes}`);
    session.destroy();
  });
});

test("a gate that refuses by its own rules is heard", async () => {
  const refusal = new DomainError({ kind: "denied", reason: "PERMISSION_DENIED", message: "not today" });
  await using server = await startTestServer({}, { gate: async () => ({ principal: somebody, refusal }) });
  using client = createStockClient(server.address);
  expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.PERMISSION_DENIED, details: "not today" });
  await eventually(() => server.lines.length > 0);
  expect(server.lines[0]?.fields).toMatchObject({ principal: "somebody", reason: "PERMISSION_DENIED" });
});
