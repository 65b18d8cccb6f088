/** Tokens of identity providers in the whole program, over both ways: who they are, what they may do, and a provider that comes and goes. */
import type { RequestListener } from "node:http";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { JWTPayload } from "jose";
import { ApprovalService, Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { Reason } from "../../gen/muster/approval/v1/reasons_pb.ts";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { startHttpServer } from "../support/http-server.ts";
import { ask, decide, get, usePolicy } from "../support/approvals.ts";
import { CallError, connect, refusal } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { signingKey, startIssuer, type Issuer } from "../support/issuer.ts";
import { runCli } from "../support/muster-cli.ts";
import { embeddedBacking, startMuster, type Backing, type MusterProcess } from "../support/muster.ts";

const { listAttempts } = RegistrationService.method;
const roles = "&roles=/resource_access/muster/roles&roles=/roles&viewer=*&registrar=deploy&admin=muster-admin&tenant=/tenant&enabled=/active";

let issuer: Issuer;
/** Another one, which is trusted with one tenant. */
let second: Issuer;
let backing: Backing;
let muster: MusterProcess;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-oidc-"));
  const tokens = join(folder, "tokens.json");
  await writeFile(
    tokens,
    JSON.stringify({ tokens: [{ principal: "ci", roles: ["viewer"], sha256: createHash("sha256").update("of-the-file").digest("hex") }] }),
  );
  [issuer, second] = [await startIssuer(), await startIssuer()];
  backing = await embeddedBacking();
  muster = await startMuster({
    ...backing.env,
    MUSTER_AUTH: `tokens:${tokens} oidc+${issuer.url}?audience=muster${roles} oidc+${second.url}?audience=muster&roles=/scope&viewer=reader&tenant=acme`,
  });
});
afterAll(async () => {
  await muster[Symbol.asyncDispose]();
  await backing[Symbol.asyncDispose]();
  for (const one of [issuer, second]) await one[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const claimed = (claims: JWTPayload = {}): Promise<string> => issuer.token({ tenant: "default", active: true, ...claims });

interface Answer {
  readonly code: number;
  readonly message: string;
}

/** By plain gRPC, which goes the short way, and by JSON, which goes the long one; both must answer alike. */
async function answer(token: string | undefined, { address }: Pick<MusterProcess, "address"> = muster): Promise<Answer> {
  using client = connect(address, token === undefined ? {} : { token });
  const short = await client.unary(listAttempts, {}).then(
    () => ({ code: status.OK, message: "" }),
    (error: unknown) => (error instanceof CallError ? { code: error.status.code, message: error.status.message } : Promise.reject(error)),
  );
  const headers = { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const response = await fetch(`http://${address}/${RegistrationService.typeName}/ListAttempts`, { method: "POST", headers, body: "{}" });
  const { code = "ok", message = "" } = (await response.json()) as { code?: string; message?: string };
  expect({ code: code.toUpperCase(), message }).toEqual({ code: status[short.code], message: short.message });
  return short;
}

test("a token of the provider or of the file lets its holder in; none, or a forged one, nobody", async () => {
  expect(await answer(await claimed())).toMatchObject({ code: status.OK });
  expect(await answer("of-the-file")).toMatchObject({ code: status.OK });
  const anonymous = await answer(undefined);
  expect(anonymous.code).toBe(status.UNAUTHENTICATED);
  const strangers = [
    await issuer.token({}, { key: { ...(await signingKey()), kid: issuer.keys[0]!.kid } }),
    await issuer.token({ iss: "https://x" }),
    "a.b.c",
    "x",
  ];
  for (const token of strangers) expect(await answer(token)).toEqual(anonymous);
});

test.each([
  ["of another audience", { aud: "x" }, status.UNAUTHENTICATED, "the token is not accepted: it is for another audience"],
  ["that has expired", { exp: 1 }, status.UNAUTHENTICATED, "the token is not accepted: it has expired"],
  ["of somebody disabled", { active: false }, status.PERMISSION_DENIED, "this principal is disabled"],
  ["that does not say so", { active: undefined }, status.PERMISSION_DENIED, "this principal is disabled"],
  ["whose enabled is a text", { active: "true" }, status.PERMISSION_DENIED, "this principal is disabled"],
  ["without a tenant", { tenant: undefined }, status.PERMISSION_DENIED, "the token cannot be used: it does not name a tenant"],
  ["of a tenant that is none", { tenant: "a b" }, status.PERMISSION_DENIED, "the token cannot be used: it does not name a tenant"],
  ["with a subject of other letters", { sub: "ämy" }, status.PERMISSION_DENIED, "the token cannot be used: its subject is not of visible ASCII characters"],
  [
    "with a subject that is too long",
    { sub: "a".repeat(255) },
    status.PERMISSION_DENIED,
    "the token cannot be used: issuer and subject have more than 254 characters",
  ],
  ["with groups that are no list", { groups: { a: 1 } }, status.PERMISSION_DENIED, "the token cannot be used: its claim /groups is no list of names"],
  ["with a group nobody can name, which is left out", { groups: ["a ", "", 1, null, "b"] }, status.OK, ""],
] as const)("a token %s", async (_what, claims, code, message) => {
  expect(await answer(await claimed(claims as unknown as JWTPayload))).toEqual({ code, message });
});

test("8 KiB of groups are taken; more than 200 are refused with the reason, and not as a fault", async () => {
  const groups = (count: number, length: number) => Array.from({ length: count }, (_, i) => `${i}`.padStart(length, "g"));
  expect((await answer(await claimed({ groups: groups(200, 40) }))).code).toBe(status.OK);
  expect(await answer(await claimed({ groups: groups(201, 5) }))).toEqual({
    code: status.PERMISSION_DENIED,
    message: "the token cannot be used: its names at /groups must have at most 200 entries",
  });
  expect(muster.logged()).not.toContain("INTERNAL");
});

test("roles are those at the configured places: of the client muster, not of every client", async () => {
  const asked = async (claims: JWTPayload) => {
    using client = connect(muster.address, { token: await claimed(claims) });
    return (await refusal(client, PlatformRegistrationService.method.unregister, {})).reason;
  };
  expect(await asked({ resource_access: { other: { roles: ["deploy"] }, "muster/roles": { roles: ["deploy"] } }, realm_access: { roles: ["deploy"] } })).toBe(
    "PERMISSION_DENIED",
  );
  // Neither does the name of an RPC role give it.
  expect(await asked({ roles: ["registrar", "admin"] })).toBe("PERMISSION_DENIED");
  expect(await asked({ resource_access: { muster: { roles: ["deploy"] } } })).toBe("INVALID_FIELDS");
  expect(await asked({ roles: "openid deploy" })).toBe("INVALID_FIELDS");
});

test("of several providers each has its own keys, roles, tenant and people", async () => {
  const theirs = (claims: JWTPayload = {}, how: Parameters<Issuer["token"]>[1] = {}) => second.token({ scope: "reader", ...claims }, how);
  expect((await answer(await theirs())).code).toBe(status.OK);
  expect(await answer(await theirs({ scope: "", roles: ["deploy", "muster-admin"] }))).toMatchObject({ code: status.PERMISSION_DENIED });
  // Signed by the one, and said to be of the other: by its own key, and by that under a key id of the other's.
  for (const key of [second.keys[0]!, { ...second.keys[0]!, kid: issuer.keys[0]!.kid }])
    expect((await answer(await second.token({ iss: issuer.url, tenant: "default", active: true }, { key }))).code).toBe(status.UNAUTHENTICATED);
  using root = connect(muster.address, { token: await claimed({ sub: "root", roles: ["muster-admin"] }) });
  await usePolicy(root, "key: two\nsubject: document\nttl: 7d\nstages:\n  - {id: team, requirements: [{id: one, who: {groups: [team]}, need: 1}]}\n");
  const opened = await ask(root, { policyKey: "two", subject: { type: "document", id: "two", digest: "d" } });
  // The same subject and group, and a claim of the other's tenant.
  using stranger = connect(muster.address, { token: await theirs({ sub: "bob", groups: ["team"], tenant: "default" }) });
  await expect(get(stranger, opened.id)).rejects.toMatchObject({ status: { code: status.NOT_FOUND } });
  using bob = connect(muster.address, { token: await claimed({ sub: "bob", groups: ["team"] }) });
  expect(await decide(bob, opened)).toMatchObject({ counted: true, approval: { decidedBy: `${issuer.url}|bob` } });
});

test("people of the provider ask and decide by their groups, each as issuer and subject, in their own tenant", async () => {
  const as = async (sub: string, claims: JWTPayload = {}) => connect(muster.address, { token: await claimed({ sub, ...claims }) });
  using root = await as("root", { roles: ["muster-admin"] });
  await usePolicy(root, "key: docs\nsubject: document\nttl: 7d\nstages:\n  - {id: team, requirements: [{id: one, who: {groups: [/ops/night]}, need: 1}]}\n");
  using amy = await as("amy", { preferred_username: "Amy" });
  using bob = await as("bob", { groups: ["/ops/night"], preferred_username: "amy" });
  using eve = await as("bob", { groups: ["/ops/night"], tenant: "acme" });
  const opened = await ask(amy, { policyKey: "docs", subject: { type: "document", id: "1", digest: "d" } });
  expect(await decide(amy, opened)).toMatchObject({ counted: false, reason: Reason.SOD_REQUESTER });
  await expect(get(eve, opened.id)).rejects.toMatchObject({ status: { code: status.NOT_FOUND } });
  expect(await decide(bob, opened)).toMatchObject({ counted: true, approval: { decision: Decision.APPROVED, decidedBy: `${issuer.url}|bob` } });
});

test("where the policy wants a recent login, an old one is told to log in again: by the vote, by may_vote, and with the request in the inbox", async () => {
  const as = async (sub: string, claims: JWTPayload = {}) => connect(muster.address, { token: await claimed({ sub, ...claims }) });
  using root = await as("root", { roles: ["muster-admin"] });
  await usePolicy(
    root,
    "key: pay\nsubject: document\nttl: 7d\nreauth: 5m\nstages:\n  - {id: team, requirements: [{id: one, who: {groups: [payers]}, need: 1}]}\n",
  );
  const opened = await ask(root, { policyKey: "pay", subject: { type: "document", id: "2", digest: "d" } });
  const { listApprovals, putStandIn } = ApprovalService.method;
  const ahead = [issuer.now() + 3_600, Date.now(), 1e300];
  for (const login of [{ auth_time: issuer.now() - 3_600 }, {}, ...ahead.map((time) => ({ auth_time: time }))]) {
    using bob = await as("bob", { groups: ["payers"], ...login });
    const needed = { reason: Reason.REAUTHENTICATION_NEEDED, message: expect.stringContaining("log in again") };
    expect(await decide(bob, opened)).toMatchObject({ counted: false, ...needed });
    const mayNot = { id: opened.id, mayVote: false, mayNotVoteReason: needed.reason, mayNotVoteMessage: needed.message };
    expect(await get(bob, opened.id)).toMatchObject(mayNot);
    expect((await bob.unary(listApprovals, { mine: true })).approvals).toMatchObject([mayNot]);
  }
  using bob = await as("bob", { groups: ["payers"], auth_time: issuer.now() - 10 });
  await bob.unary(putStandIn, { to: "somebody", until: { seconds: BigInt(issuer.now() + 3_600) } });
  expect(await get(bob, opened.id)).toMatchObject({ mayVote: true });
  expect(await decide(bob, opened)).toMatchObject({ counted: true, approval: { decision: Decision.APPROVED } });
});

test("the command line sends such a token as it is", async () => {
  const { code } = await runCli(["attempts", "list"], { MUSTER_ADDRESS: muster.address, MUSTER_TOKEN: await claimed() });
  expect(code).toBe(0);
});

test("muster doctor reads the provider's keys, and says what is wrong with it", async () => {
  const authOf = async (url: string, more = "&viewer=*") => {
    const { out } = await runCli(["doctor", "-o", "json", "--address", "127.0.0.1:9"], { ...backing.env, MUSTER_AUTH: `oidc+${url}?audience=muster${more}` });
    const { findings } = JSON.parse(out) as { findings: readonly { area: string; state: string; text: string }[] };
    return findings.filter(({ area }) => area === "auth").map(({ state, text }) => `${state} ${text}`);
  };
  expect(await authOf(issuer.url)).toEqual([`ok ${issuer.url}, 1 key`]);
  expect(await authOf(issuer.url, "")).toEqual([`ok ${issuer.url}, 1 key`, `warn no token of ${issuer.url} gives a role that methods need`]);
  expect(await authOf(`${issuer.url}/`)).toEqual([`bad ${issuer.url}/: it calls itself ${issuer.url}`]);
  expect(await authOf("http://127.0.0.1:9")).toEqual(["bad http://127.0.0.1:9: no connection (ECONNREFUSED)"]);
});

test("the server starts without its provider, says so, and lets people in when it comes; with new keys, too", { timeout: 60_000 }, async () => {
  const first = await startIssuer();
  const port = Number(new URL(first.url).port);
  await first[Symbol.asyncDispose]();
  await using own = await embeddedBacking();
  await using server = await startMuster({ ...own.env, MUSTER_AUTH: `oidc+${first.url}?audience=muster&viewer=*` });
  const before = await answer(await first.token(), server);
  expect(before.code).toBe(status.UNAVAILABLE);
  expect(before.message).toContain(`identity provider unavailable: the keys of ${first.url} cannot be read: no connection (ECONNREFUSED)`);
  const health = async () =>
    (await (await fetch(`http://${server.address}/health`)).json()) as { status: string; dependencies: { identity: { status: string } } };
  expect(await health()).toMatchObject({ status: "degraded", dependencies: { identity: { status: "error" } } });
  // By one way alone, since the keys may come between two calls.
  const asked = async (token: string) => {
    using client = connect(server.address, { token });
    return await client.unary(listAttempts, {}).then(
      () => status.OK,
      (error: unknown) => (error instanceof CallError ? error.status.code : Promise.reject(error)),
    );
  };
  for (const _restart of [1, 2]) {
    const again = await startIssuer(port);
    const token = await again.token();
    await eventually(async () => ((await asked(token)) === status.OK ? true : undefined));
    await again[Symbol.asyncDispose]();
    expect((await answer(token, server)).code).toBe(status.OK);
  }
  expect(server.logged()).not.toContain("INTERNAL");
});

test("a token of a stock provider, by client credentials", async () => {
  // It has no types.
  const name: string = "oidc-provider";
  const { default: Provider } = (await import(name)) as { default: new (url: string, options: object) => { callback(): RequestListener } };
  let answering: RequestListener = (_request, response) => void response.writeHead(503).end();
  await using http = await startHttpServer((request, response) => answering(request, response));
  const { url } = http;
  const provider = new Provider(url, {
    clients: [{ client_id: "ci", client_secret: "s", grant_types: ["client_credentials"], redirect_uris: [], response_types: [] }],
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:muster",
        getResourceServerInfo: () => ({ scope: "deploy", audience: "muster", accessTokenFormat: "jwt" }),
      },
    },
  });
  answering = provider.callback();
  const body = new URLSearchParams({ grant_type: "client_credentials", scope: "deploy" });
  const got = await fetch(`${url}/token`, { method: "POST", headers: { authorization: `Basic ${btoa("ci:s")}` }, body });
  const { access_token: token } = (await got.json()) as { access_token: string };
  await using own = await embeddedBacking();
  await using server = await startMuster({ ...own.env, MUSTER_AUTH: `oidc+${url}?audience=muster&roles=/scope&viewer=deploy` });
  expect(await answer(token, server)).toMatchObject({ code: status.OK });
});
