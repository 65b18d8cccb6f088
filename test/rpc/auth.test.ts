import { createHash } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { fromBinary } from "@bufbuild/protobuf";
import { DomainError } from "../../src/kernel/errors.ts";
import { can, roles, type Principal } from "../../src/kernel/caller.ts";
import { createAuthGate, nobody, principalKey, type AccessRule } from "../../src/rpc/platform/auth.ts";
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

describe("a disabled principal", () => {
  const disabled = parseTokenFile(
    file(
      { principal: "amy", roles: ["admin"], sha256: sha256("first") },
      { principal: "amy", roles: ["viewer"], sha256: sha256("second"), enabled: false },
      { principal: "bob", roles: ["viewer"], enabled: true, sha256: sha256("other") },
    ),
  );

  test("is refused with each of its tokens, and others are not", async () => {
    await using server = await startTestServer(stub, { gate: createAuthGate({ mode: "tokens", tokens: disabled }) });
    using client = createStockClient(server.address);
    for (const token of ["first", "second"]) {
      const seen = await client.call(Platform, "GetService", {}, bearer(token));
      expect(seen).toMatchObject({ code: grpc.status.PERMISSION_DENIED, details: "this principal is disabled" });
    }
    expect(await client.call(Platform, "GetService", {}, bearer("other"))).toMatchObject({ code: grpc.status.OK });
    expect(await client.call(Health, "Check", {}, bearer("first"))).toMatchObject({ code: grpc.status.OK });
    await eventually(() => server.lines.length === 2);
    expect(server.lines[0]!.fields).toMatchObject({ principal: "amy", reason: "PERMISSION_DENIED" });
  });

  test("is nobody where no token is needed", () => {
    const gate = createAuthGate({ mode: "tokens", tokens: disabled });
    expect(gate({ kind: "rpc", name: "x", access: "public" }, { authorization: "Bearer first" })).toEqual({ principal: nobody, refusal: undefined });
  });
});

test("a target for everybody who is known takes a token without any role for methods, and no stranger", () => {
  const tokensOfGroups = parseTokenFile(file({ principal: "amy", groups: ["payments"], sha256: sha256("hers") }));
  const gate = createAuthGate({ mode: "tokens", tokens: tokensOfGroups });
  const refusal = (access: AccessRule, authorization: string) => gate({ kind: "rpc", name: "x", access }, { authorization }).refusal?.reason;
  expect(refusal("known", "Bearer hers")).toBeUndefined();
  expect(refusal("known", "Bearer wrong")).toBe("UNAUTHENTICATED");
  expect(refusal("viewer", "Bearer hers")).toBe("PERMISSION_DENIED");
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
      { principal: "ok", roles: ["king", "registar"], sha256: secret },
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
    const held: Principal["roles"] = ["registrar", "approver"];
    const principal = { key: "tokens|ci", name: "ci", tenant: "default", roles: held, groups: [], claimedRoles: held };
    expect(table.find(token)).toEqual({ principal, isEnabled: true });
    expect(table.find(`${token} `)).toBeUndefined();
  });
});

describe("an entry of the token file", () => {
  const found = (entry: object) => parseTokenFile(file({ principal: "amy", sha256: sha256("t"), ...entry })).find("t");

  test("may have groups, a tenant, and roles that only policies know", () => {
    const entry = { roles: ["registrar", "security", "security"], groups: ["payments", "/ops/night"], tenant: "acme" };
    const principal = {
      key: "tokens|amy",
      name: "amy",
      tenant: "acme",
      roles: ["registrar"],
      claimedRoles: ["registrar", "security"],
      groups: ["payments", "/ops/night"],
    };
    expect(found(entry)).toEqual({ principal, isEnabled: true });
    expect(found({ groups: ["payments"] })).toMatchObject({ principal: { roles: [], claimedRoles: [] } });
  });

  test("of an admin has no policy role but that name", () => {
    expect(found({ roles: ["admin"] })).toMatchObject({ principal: { claimedRoles: ["admin"] } });
  });

  test.each([
    ["a role with a letter wrong", { roles: ["registar"] }, "roles", 'has "registar": did you mean registrar?'],
    ["a role in another case", { roles: ["security", "Admin"] }, "roles", 'has "Admin": did you mean admin?'],
    ["neither roles nor groups", { roles: [], groups: [] }, "roles", "unless there are groups"],
    ["roles that are no list", { roles: "admin" }, "roles", "must be a list of names"],
    ["an empty group", { roles: ["viewer"], groups: ["a", ""] }, "groups", 'and not ""'],
    ["a group with a space at its end", { roles: ["viewer"], groups: ["a "] }, "groups", 'and not "a "'],
    ["a group that looks like another", { roles: ["viewer"], groups: ["ops\u200b"] }, "groups", 'and not "ops\\u200b"'],
    ["a group in another normal form", { roles: ["viewer"], groups: ["e\u0301quipe"] }, "groups", "NFC"],
    ["a group that is no text", { roles: ["viewer"], groups: [1] }, "groups", "must have names"],
    ["too many groups", { roles: ["viewer"], groups: Array.from({ length: 201 }, (_, i) => `g${i}`) }, "groups", "at most 200"],
    ["a tenant that is no name", { roles: ["viewer"], tenant: "a b" }, "tenant", "must be 1 to 64"],
    ["enabled that is a text", { roles: ["viewer"], enabled: "false" }, "enabled", "must be true or false"],
  ])("with %s is refused", (_what, entry, field, said) => {
    expect(problemOf(file({ principal: "amy", sha256: sha256("t"), ...entry })).fields).toEqual([
      { field: `tokens[0].${field}`, description: expect.stringContaining(said) },
    ]);
  });

  test.each(["reviewer", "owner", "security", "leads", "operations"])("with the policy role %s is taken", (role) => {
    expect(found({ roles: [role] })).toMatchObject({ principal: { roles: [], claimedRoles: [role] } });
  });

  test("may not put a principal into a second tenant", () => {
    const error = problemOf(
      file({ principal: "amy", roles: ["viewer"], sha256: sha256("a") }, { principal: "amy", roles: ["viewer"], sha256: sha256("b"), tenant: "acme" }),
    );
    expect(error.fields).toEqual([{ field: "tokens[1].tenant", description: "is another one than in tokens[0], of the same principal" }]);
  });

  test("is one of several of its principal, who is listed once, with all roles and groups", () => {
    const { holders } = parseTokenFile(
      file(
        { principal: "amy", roles: ["viewer", "security"], groups: ["a"], sha256: sha256("1") },
        { principal: "bob", roles: ["admin"], sha256: sha256("2"), enabled: false },
        { principal: "amy", roles: ["registrar"], groups: ["a", "b"], sha256: sha256("3") },
      ),
    );
    const amy = { name: "amy", roles: ["viewer", "registrar"], claimedRoles: ["viewer", "security", "registrar"], groups: ["a", "b"] };
    expect(holders).toMatchObject([
      { principal: amy, isEnabled: true },
      { principal: { name: "bob" }, isEnabled: false },
    ]);
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
