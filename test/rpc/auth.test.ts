import { createHash } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { fromBinary } from "@bufbuild/protobuf";
import { DomainError } from "../../src/kernel/errors.ts";
import { can, roles } from "../../src/kernel/caller.ts";
import { createAuthGate, principalKey } from "../../src/rpc/platform/auth.ts";
import { methodKey } from "../../src/rpc/transport/served.ts";
import { generateToken, parseTokenFile } from "../../src/rpc/platform/tokens.ts";
import { createStockClient, richStatus } from "../support/rpc-client.ts";
import { servedServices } from "../support/rpc-descriptors.ts";
import { eventually, startTestServer, type PlatformStub } from "../support/rpc-server.ts";

const sha256 = (token: string) => createHash("sha256").update(token).digest("hex");
const file = (...tokens: unknown[]) => JSON.stringify({ tokens });
const tokens = parseTokenFile(
  file(
    { principal: "ci", roles: ["registrar"], sha256: sha256("registrar-token") },
    { principal: "eve@example.org", roles: ["viewer"], sha256: sha256("viewer-token") },
    { principal: "root", roles: ["admin"], sha256: sha256("admin-token") },
  ),
);
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

const stub: PlatformStub = {
  getService: (_request, context) => ({ serviceName: context.values.get(principalKey).name }),
  unregister: (_request, context) => ({ message: context.values.get(principalKey).name }),
  async *register() {
    yield {};
  },
};

describe("with tokens", () => {
  const options = { gate: createAuthGate({ mode: "tokens", tokens }) };

  test("the handler knows who calls; the log too", async () => {
    await using server = await startTestServer(stub, options);
    using client = createStockClient(server.address);
    const seen = await client.call(Platform, "Unregister", {}, bearer("registrar-token"));
    expect(seen.messages).toMatchObject([{ message: "ci" }]);
    await client.call(Platform, "GetConnectorSchema", {}, bearer("admin-token"));
    await eventually(() => server.lines.length > 0);
    expect(server.lines[0]!.fields).toMatchObject({ code: "UNIMPLEMENTED", principal: "root" });
  });

  test("no token and a wrong one get the same answer", async () => {
    await using server = await startTestServer(stub, options);
    using client = createStockClient(server.address);
    const answers = await Promise.all([
      client.call(Platform, "GetService"),
      client.call(Platform, "GetService", {}, bearer("wrong")),
      client.call(Platform, "GetService", {}, { headers: { authorization: "Basic registrar-token" } }),
      client.call(Platform, "GetService", {}, { headers: { authorization: "Bearer " } }),
      client.call(Platform, "Register", {}, bearer("wrong")),
    ]);
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([grpc.status.UNAUTHENTICATED]));
    expect(new Set(answers.map(({ details }) => details)).size).toBe(1);
    await eventually(() => server.lines.length === 5);
    expect(JSON.stringify(server.lines)).not.toMatch(/wrong|registrar-token/);
  });

  test("an error for an insufficient role names the one that is needed", async () => {
    await using server = await startTestServer(stub, options);
    using client = createStockClient(server.address);
    const seen = await client.call(Platform, "Unregister", {}, bearer("viewer-token"));
    expect(seen).toMatchObject({ code: grpc.status.PERMISSION_DENIED, details: "the role registrar is needed" });
    const info = fromBinary(ErrorInfoSchema, richStatus(seen).details[0]!.value);
    expect(info.metadata).toMatchObject({ needed_role: "registrar" });
    expect(await client.call(Platform, "GetService", {}, bearer("viewer-token"))).toMatchObject({ code: grpc.status.OK });
  });

  test("every method is closed to strangers, but health", async () => {
    await using server = await startTestServer(stub, options);
    using client = createStockClient(server.address);
    for (const service of servedServices) {
      for (const method of service.methods.filter((candidate) => candidate.methodKind === "unary" || candidate.methodKind === "server_streaming")) {
        if (service.typeName === Health.typeName) continue;
        expect(await client.call(service, method.name), methodKey(method)).toMatchObject({ code: grpc.status.UNAUTHENTICATED });
      }
    }
    expect(await client.call(Health, "Check")).toMatchObject({ code: grpc.status.OK });
  });

  test("a stranger's message is not read", async () => {
    await using server = await startTestServer(stub, options);
    using client = createStockClient(server.address);
    expect(await client.raw(`/${Platform.typeName}/GetService`, new Uint8Array([0xff]))).toMatchObject({ code: grpc.status.UNAUTHENTICATED });
    const json = await fetch(`${server.url}/${Platform.typeName}/GetService`, { method: "POST", headers: { "content-type": "application/json" }, body: "{" });
    expect([json.status, await json.json()]).toMatchObject([401, { code: "unauthenticated" }]);
  });
});

test("open means everybody is anonymous and may do everything", async () => {
  await using server = await startTestServer(stub);
  using client = createStockClient(server.address);
  expect((await client.call(Platform, "Unregister")).messages).toMatchObject([{ message: "anonymous" }]);
});

test("admin implies every role, every role implies viewer, and none implies another", () => {
  const of = (...held: (typeof roles)[number][]) => roles.filter((role) => can({ roles: held }, role));
  expect(of()).toEqual([]);
  expect(of("admin")).toEqual([...roles]);
  for (const role of ["registrar", "approver", "operator"] as const) expect(of(role)).toEqual(["viewer", role]);
});

describe("the token file", () => {
  test("has all its problems reported together, and none of its secrets", () => {
    const secret = sha256("registrar-token");
    const text = file(
      { principal: "a b", roles: [], sha256: secret.toUpperCase() },
      { principal: "ok", roles: ["king"], sha256: secret },
      "nonsense",
      { principal: "x", roles: ["viewer"], sha256: secret, token: "registrar-token" },
      { principal: "one", roles: ["viewer"], sha256: secret },
      { principal: "two", roles: ["viewer"], sha256: secret },
    );
    const error = problemOf(text);
    expect(error.fields.map(({ field }) => field)).toEqual([
      "tokens[0].principal",
      "tokens[0].roles",
      "tokens[0].sha256",
      "tokens[1].roles",
      "tokens[2]",
      "tokens[3].token",
      "tokens[5].sha256",
    ]);
    for (const { field } of error.fields) expect(error.message).toContain(field);
    expect(error.message).not.toContain(secret);
    expect(error.message).not.toContain("registrar-token");
  });

  test.each(["", "{", "[]", "{}", '{"tokens": {}}', '{"tokens": [], "more": 1}', "null"])("that is %j is refused", (text) => {
    expect(problemOf(text).kind).toBe("invalid");
  });

  test("may be empty, and then lets nobody in", () => {
    expect(parseTokenFile('{"tokens": []}').find("")).toBeUndefined();
  });

  test("takes generated tokens of at least 24 characters", () => {
    const { token, sha256: hash } = generateToken();
    expect(token.length).toBeGreaterThanOrEqual(24);
    expect(generateToken().token).not.toBe(token);
    const table = parseTokenFile(file({ principal: "ci", roles: ["registrar", "approver"], sha256: hash }));
    expect(table.find(token)).toEqual({ key: "tokens|ci", name: "ci", tenant: "default", roles: ["registrar", "approver"], groups: [] });
    expect(table.find(`${token} `)).toBeUndefined();
  });
});

function problemOf(text: string): DomainError {
  try {
    parseTokenFile(text);
  } catch (error) {
    if (error instanceof DomainError) return error;
  }
  throw new Error("the file was taken");
}
