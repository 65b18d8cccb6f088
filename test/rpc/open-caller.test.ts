/** Open mode: a caller is who its metadata says, on both ways through the server and on HTTP routes. */
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { fromBinary } from "@bufbuild/protobuf";
import { roles, type Principal } from "../../src/kernel/caller.ts";
import { createAuthGate, principalKey } from "../../src/rpc/platform/auth.ts";
import { jsonAnswer, type HttpRoute } from "../../src/rpc/transport/http-route.ts";
import { createStockClient, reasonOf, richStatus, type Seen } from "../support/rpc-client.ts";
import { startTestServer, type PlatformStub } from "../support/rpc-server.ts";

const stub: PlatformStub = {
  unregister: (_request, context) => ({ message: JSON.stringify(context.values.get(principalKey)) }),
};
const amy: Principal = { key: "open|amy", name: "amy", tenant: "default", roles, groups: ["payments", "on call"], claimedRoles: ["security"] };
const asAmy = { "muster-principal": "amy", "muster-groups": "payments, on call,payments", "muster-roles": "security" };
const anonymous: Principal = { key: "open|anonymous", name: "anonymous", tenant: "default", roles, groups: [], claimedRoles: [] };

function callerIn(seen: Seen): unknown {
  const [message] = seen.messages as unknown as readonly { readonly message: string }[];
  return JSON.parse(message?.message ?? "null");
}

describe.each([
  ["the short way", true],
  ["the long way", false],
] as const)("in open mode, %s, a caller", (_name, fastLane) => {
  test("is who it says it is, with every role that methods need and those policy roles that it names", async () => {
    await using server = await startTestServer(stub, { fastLane });
    using client = createStockClient(server.address);
    expect(callerIn(await client.call(Platform, "Unregister", {}, { headers: asAmy }))).toEqual(amy);
    expect(callerIn(await client.call(Platform, "Unregister", {}, { headers: { "muster-principal": "amy", "muster-groups": "" } }))).toMatchObject({
      groups: [],
    });
  });

  test("that does not say is anonymous", async () => {
    await using server = await startTestServer(stub, { fastLane });
    using client = createStockClient(server.address);
    expect(callerIn(await client.call(Platform, "Unregister"))).toEqual(anonymous);
    const { details } = await client.call(Platform, "Unregister", {}, { headers: { "muster-groups": "payments" } });
    expect(details).toContain("muster-principal is needed with muster-groups and muster-roles");
  });

  test.each([
    ["a name with a space", { "muster-principal": "amy b" }, ["muster-principal"]],
    ["a name with the separator of keys", { "muster-principal": "tokens|amy" }, ["muster-principal"]],
    ["an empty name", { "muster-principal": "" }, ["muster-principal"]],
    ["a name that is too long", { "muster-principal": "a".repeat(129) }, ["muster-principal"]],
    ["groups without a name", { "muster-groups": "payments" }, ["muster-principal"]],
    ["roles without a name", { "muster-roles": "security" }, ["muster-principal"]],
    ["an empty group", { "muster-principal": "amy", "muster-groups": "a,,b" }, ["muster-groups"]],
    ["too many groups", { "muster-principal": "amy", "muster-groups": Array.from({ length: 201 }, (_, i) => `g${i}`).join() }, ["muster-groups"]],
    ["everything", { "muster-principal": "?", "muster-groups": ",", "muster-roles": "x".repeat(129) }, ["muster-principal", "muster-groups", "muster-roles"]],
  ])("with %s is refused, and the answer names the field", async (_what, headers, fields) => {
    await using server = await startTestServer(stub, { fastLane });
    using client = createStockClient(server.address);
    const seen = await client.call(Platform, "Unregister", {}, { headers });
    expect([seen.code, reasonOf(seen)]).toEqual([grpc.status.INVALID_ARGUMENT, "INVALID_FIELDS"]);
    for (const field of fields) expect(seen.details).toContain(field);
    const details = richStatus(seen).details.find(({ typeUrl }) => typeUrl.endsWith("BadRequest"));
    expect(fromBinary(BadRequestSchema, details!.value).fieldViolations.map(({ field }) => field)).toEqual(fields);
    expect(await client.call(Health, "Check", {}, { headers })).toMatchObject({ code: grpc.status.OK });
  });

  test("with a field twice is refused", async () => {
    await using server = await startTestServer(stub, { fastLane });
    using client = new TwiceClient(server.address);
    expect(await client.call()).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
  });

  test("with a token is only its token's holder where tokens are needed", async () => {
    const tokens = { find: () => undefined, holders: [] };
    await using server = await startTestServer(stub, { fastLane, gate: createAuthGate({ mode: "tokens", tokens }) });
    using client = createStockClient(server.address);
    expect(await client.call(Platform, "Unregister", {}, { headers: asAmy })).toMatchObject({ code: grpc.status.UNAUTHENTICATED });
  });
});

test("characters beyond ASCII are refused: they would come out as others", async () => {
  await using server = await startTestServer(stub);
  const url = `${server.url}/${Platform.typeName}/Unregister`;
  const headers = { "content-type": "application/json", "muster-principal": "amy", "muster-groups": "équipe" };
  const answer = await fetch(url, { method: "POST", headers, body: "{}" });
  expect([answer.status, JSON.stringify(await answer.json())]).toEqual([400, expect.stringContaining("muster-groups must be ASCII")]);
});

test("an HTTP route knows its caller in the same way", async () => {
  const route: HttpRoute = { method: "GET", path: "/me", access: "known", handle: ({ caller }) => jsonAnswer(200, caller) };
  await using server = await startTestServer({}, { http: [route] });
  const ask = (headers: Readonly<Record<string, string>>) => fetch(`${server.url}/me`, { headers });
  expect(await (await ask(asAmy)).json()).toEqual({ ...amy, share: "127.0.0.1" });
  expect((await ask({ "muster-principal": "a b" })).status).toBe(400);
});

/** Sends `muster-principal` twice. */
class TwiceClient implements Disposable {
  readonly #client: grpc.Client;

  constructor(address: string) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure(), { "grpc.enable_http_proxy": 0 });
  }

  call(): Promise<{ readonly code: grpc.status }> {
    const metadata = new grpc.Metadata();
    for (const name of ["amy", "bob"]) metadata.add("muster-principal", name);
    const same = (bytes: Buffer): Buffer => bytes;
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(`/${Platform.typeName}/Unregister`, same, same, Buffer.alloc(0), metadata, (error) => resolve({ code: error?.code ?? 0 }));
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
