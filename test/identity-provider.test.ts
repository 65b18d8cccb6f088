/** Tokens of an identity provider and its keys, by a clock that the test moves: every forgery, and every way in which a provider fails. */
import { createHmac, createPublicKey, type JsonWebKey } from "node:crypto";
import { expect, test } from "vitest";
import type { JWTPayload } from "jose";
import { createProvider, floorMs, keepMs } from "../src/adapters/oidc/provider.ts";
import { createVerifier } from "../src/adapters/oidc/verify.ts";
import { DomainError } from "../src/kernel/errors.ts";
import { manualClock } from "./support/manual-clock.ts";
import { signingKey, startIssuer, type Issuer } from "./support/issuer.ts";

const start = Date.UTC(2026, 0, 1);

async function scene({ takesUntyped = false, limitMs = 30_000 } = {}) {
  const clock = manualClock(start);
  const issuer = await startIssuer();
  issuer.now = () => clock.now() / 1_000;
  const logged: string[] = [];
  let failures = 0;
  const provider = createProvider({
    issuer: issuer.url,
    clock,
    log: (_level, event, fields) => void logged.push(`${event} ${JSON.stringify(fields)}`),
    onFailure: () => (failures += 1),
    limitMs,
  });
  const verify = createVerifier([{ provider, audiences: ["muster", "other"], takesUntyped }], clock);
  /** `ok`, `no`, or the reason and text of the refusal. */
  const judged = (token: string): Promise<string> =>
    verify(token).then(
      (verified) => (verified ? "ok" : "no"),
      (error: unknown) => (error instanceof DomainError ? `${error.reason}: ${error.message}` : String(error)),
    );
  return { clock, issuer, provider, judged, logged, failures: () => failures, [Symbol.asyncDispose]: () => issuer[Symbol.asyncDispose]() };
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const away = /^DEPENDENCY_UNAVAILABLE: identity provider unavailable: /;

/** By a way of forging, and what is said to it. */
type Forgery = (issuer: Issuer) => Promise<string>;
const changed =
  (claims: JWTPayload, header: Record<string, unknown> = {}): Forgery =>
  (issuer) =>
    issuer.token(claims, { header });
const forgeries: Readonly<Record<string, readonly [Forgery, string]>> = {
  "none as its algorithm": [async ({ url }) => `${part({ alg: "none", typ: "at+jwt" })}.${part({ iss: url, sub: "amy", aud: "muster", exp: 4e9 })}.x`, "no"],
  "no signature": [async ({ token }) => (await token()).replace(/\.[^.]+$/, "."), "no"],
  "an HMAC with the public key": [
    async ({ url, keys: [key] }) => {
      const content = `${part({ alg: "HS256", kid: key!.kid, typ: "at+jwt" })}.${part({ iss: url, sub: "amy", aud: "muster", exp: 4e9 })}`;
      const pem = createPublicKey({ key: key!.jwk as object as JsonWebKey, format: "jwk" }).export({ type: "spki", format: "pem" });
      return `${content}.${createHmac("sha256", pem).update(content).digest("base64url")}`;
    },
    "no",
  ],
  "another's key under a known id": [async ({ token, keys: [key] }) => token({}, { key: { ...(await signingKey()), kid: key!.kid } }), "no"],
  "a key that nobody has": [async ({ token }) => token({}, { key: await signingKey() }), "no"],
  "another's key in its header": [async ({ token }) => signingKey().then((key) => token({}, { key, header: { jwk: key.jwk } })), "no"],
  "one claim changed": [
    async ({ token }) => {
      const [header, claims, signature] = (await token()).split(".");
      return `${header}.${part({ ...JSON.parse(Buffer.from(claims!, "base64url").toString()), sub: "root" })}.${signature}`;
    },
    "no",
  ],
  "another issuer": [changed({ iss: "https://elsewhere.example.org" }), "no"],
  "an issuer that differs by a slash": [async ({ token, url }) => token({ iss: `${url}/` }), "no"],
  "no issuer": [changed({ iss: undefined } as unknown as JWTPayload), "no"],
  "critical extensions": [changed({}, { crit: ["x"], x: 1 }), "no"],
  "text that is no token": [async () => "a.b.c", "no"],
  "another audience": [changed({ aud: "billing" }), "UNAUTHENTICATED: the token is not accepted: it is for another audience"],
  "no audience": [changed({ aud: undefined } as unknown as JWTPayload), "UNAUTHENTICATED: the token is not accepted: it is for another audience"],
  "an end that has come": [async ({ token, now }) => token({ exp: now() - 31 }), "UNAUTHENTICATED: the token is not accepted: it has expired"],
  "no end": [changed({ exp: undefined } as unknown as JWTPayload), "UNAUTHENTICATED: the token is not accepted: its claim exp is missing or not valid"],
  "an end that is a text": [
    changed({ exp: "soon" } as unknown as JWTPayload),
    "UNAUTHENTICATED: the token is not accepted: its claim exp is missing or not valid",
  ],
  "a begin that has not come": [async ({ token, now }) => token({ nbf: now() + 31 }), "UNAUTHENTICATED: the token is not accepted: it is not valid yet"],
  "no subject": [changed({ sub: undefined } as unknown as JWTPayload), "UNAUTHENTICATED: the token is not accepted: its claim sub is missing or not valid"],
  "the type of another kind": [changed({}, { typ: "logout+jwt" }), "UNAUTHENTICATED: the token is not accepted: it is not an access token (typ)"],
  "no type": [changed({}, { typ: undefined }), "UNAUTHENTICATED: the token is not accepted: it is not an access token (typ)"],
  "the type of an ID token": [changed({ typ: "ID" }, { typ: "JWT" }), "UNAUTHENTICATED: the token is not accepted: it is not an access token (typ)"],
};

test.each(Object.entries(forgeries))("a token with %s is refused", async (_what, [forge, answer]) => {
  await using it = await scene();
  const { judged, issuer } = it;
  expect(await judged(await issuer.token())).toBe("ok");
  expect(await judged(await forge(issuer))).toBe(answer);
});

test.each(["RS256", "PS256", "ES256", "ES384", "EdDSA"])("a token by %s is taken", async (alg) => {
  await using it = await scene();
  const { judged, issuer } = it;
  issuer.keys = [await signingKey(alg), await signingKey(alg)];
  expect(await judged(await issuer.token())).toBe("ok");
  expect(await judged(await issuer.token({ aud: ["x", "other"], nbf: issuer.now() + 29, exp: issuer.now() - 29 }, { key: issuer.keys[1]! }))).toBe("ok");
});

test("an access token of before RFC 9068 is one by its own claim, or where such are taken; an ID token never is", async () => {
  for (const takesUntyped of [false, true]) {
    await using it = await scene({ takesUntyped });
    const { judged, issuer } = it;
    const typed = (claims: JWTPayload, typ?: string) => issuer.token(claims, { header: { typ } }).then(judged);
    expect(await typed({ typ: "Bearer" }, "JWT")).toBe("ok");
    expect((await typed({}, "JWT")) === "ok").toBe(takesUntyped);
    expect((await typed({})) === "ok").toBe(takesUntyped);
    for (const claims of [{ typ: "ID" }, { typ: "Refresh" }, { nonce: "n" }, { at_hash: "h" }])
      expect(await typed(claims, "JWT")).toMatch(/not an access token/);
  }
});

test("of several issuers each token is verified by the keys of the one that it names", async () => {
  await using one = await scene();
  await using two = await scene();
  const both = createVerifier(
    [one, two].map(({ provider }) => ({ provider, audiences: ["muster"], takesUntyped: false })),
    one.clock,
  );
  for (const { issuer } of [one, two]) expect((await both(await issuer.token()))?.issuer).toBe(issuer.url);
  const [own, other] = [one.issuer.keys[0]!, two.issuer.keys[0]!];
  expect(await both(await two.issuer.token({ iss: one.issuer.url }))).toBeUndefined();
  expect(await both(await two.issuer.token({ iss: one.issuer.url }, { key: { ...other, kid: own.kid } }))).toBeUndefined();
});

test("the provider is asked for a key that is not known, but not more often than every ten seconds, whatever is sent", async () => {
  await using it = await scene();
  const { clock, judged, issuer } = it;
  const old = issuer.keys[0]!;
  expect(await judged(await issuer.token())).toBe("ok");
  issuer.keys = [await signingKey(), old];
  const young = await issuer.token();
  expect(await judged(young)).toBe("no");
  for (let i = 0; i < 20; i++) expect(await judged(await issuer.token({}, { header: { kid: `random-${i}` } }))).toBe("no");
  expect(issuer.asked()).toBe(1);
  await clock.pass(floorMs);
  const many = await Promise.all(Array.from({ length: 20 }, () => judged(young)));
  expect([new Set(many), issuer.asked()]).toEqual([new Set(["ok"]), 2]);
  // The old one is still there, then it is taken back.
  const byOld = await issuer.token({}, { key: old });
  expect(await judged(byOld)).toBe("ok");
  issuer.keys = [issuer.keys[0]!];
  await clock.pass(240_000);
  await it.provider.round();
  expect([await judged(byOld), issuer.asked()]).toEqual(["ok", 2]);
  await clock.pass(60_000);
  await it.provider.round();
  expect([await judged(byOld), issuer.asked()]).toEqual(["no", 3]);
  expect(await judged(await issuer.token())).toBe("ok");
});

const bad: Readonly<Record<string, NonNullable<Issuer["instead"]>>> = {
  hangs: () => undefined,
  trickles: (response) => void response.write("{"),
  "is 10 MiB": (response) => void response.end(" ".repeat(10_485_760)),
  "is empty": (response) => void response.end('{"keys": []}'),
  "has only secrets and keys for encryption": (response) =>
    void response.end(
      JSON.stringify({
        keys: [
          { kty: "oct", k: "c2VjcmV0", kid: "s" },
          { kty: "RSA", use: "enc", kid: "e" },
        ],
      }),
    ),
  "has things that are no keys": (response) => void response.end('{"keys": [null, "x", {}]}'),
  "is no JSON": (response) => void response.end("<html>"),
  "is null": (response) => void response.end("null"),
  "is an error": (response) => void response.writeHead(503).end("{}"),
  "is elsewhere": (response) => void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
  breaks: (response) => void response.destroy(),
};

test.each(Object.entries(bad))("a key set that %s lets nobody new in, and leaves the keys that are known, for an hour", async (how, answer) => {
  await using it = await scene({ limitMs: how === "hangs" || how === "trickles" ? 1_500 : 30_000 });
  const { clock, judged, issuer, provider, logged } = it;
  issuer.instead = answer;
  expect(await judged(await issuer.token())).toMatch(away);
  expect([provider.problem() !== undefined, it.failures()]).toEqual([true, 1]);
  issuer.instead = undefined;
  expect(await judged(await issuer.token())).toMatch(away);
  await clock.pass(floorMs);
  expect([await judged(await issuer.token()), provider.problem()]).toEqual(["ok", undefined]);

  issuer.instead = answer;
  await clock.pass(300_000);
  await provider.round();
  expect([await judged(await issuer.token()), it.failures()]).toEqual(["ok", 2]);
  await clock.pass(floorMs);
  expect(await judged(await issuer.token({}, { key: await signingKey() }))).toMatch(away);
  await clock.pass(keepMs);
  expect(await judged(await issuer.token())).toMatch(away);
  issuer.instead = undefined;
  await clock.pass(floorMs);
  await provider.round();
  expect(await judged(await issuer.token())).toBe("ok");
  expect(logged.filter((line) => line.startsWith("identity.read-failed"))).toHaveLength(2);
  expect(logged.filter((line) => line.startsWith("identity.keys-read"))).toHaveLength(2);
});

test("a known key is not kept waiting by a look that hangs", async () => {
  await using it = await scene({ limitMs: 1_500 });
  const { clock, judged, issuer } = it;
  expect(await judged(await issuer.token())).toBe("ok");
  const isAsked = new Promise<void>((resolve) => (issuer.instead = () => resolve()));
  await clock.pass(floorMs);
  let isOver = false;
  const unknown = judged(await issuer.token({}, { key: await signingKey() })).finally(() => (isOver = true));
  await isAsked;
  expect([await judged(await issuer.token()), isOver]).toEqual(["ok", false]);
  expect(await unknown).toMatch(away);
});

test("of several keys that a token may mean each is tried, eight at most: without an id, or with one that several have", async () => {
  await using it = await scene();
  const { judged, issuer } = it;
  const keys = await Promise.all(Array.from({ length: 9 }, () => signingKey()));
  const byEach = async (header: Record<string, unknown>) => Promise.all(keys.map(async (key) => judged(await issuer.token({}, { key, header }))));
  const eight = [...Array.from({ length: 8 }, () => "ok"), "no"];
  issuer.keys = keys;
  expect(await byEach({ kid: undefined })).toEqual(eight);
  issuer.keys = keys.map((key) => ({ ...key, jwk: { ...key.jwk, kid: "one" } }));
  await it.clock.pass(floorMs);
  expect(await byEach({ kid: "one" })).toEqual(eight);
  expect(await judged(await issuer.token({}, { key: await signingKey(), header: { kid: undefined } }))).toBe("no");
  expect(await judged(await issuer.token({}, { key: await signingKey(), header: { kid: "one" } }))).toBe("no");
});

test("one bad key in a set spoils no other", async () => {
  await using it = await scene();
  const { judged, issuer } = it;
  const [good] = issuer.keys;
  const spoilt = { ...(await signingKey()), jwk: { kty: "RSA", kid: "spoilt", n: "AQAB", e: "AQAB" } };
  issuer.keys = [spoilt, good!];
  expect(await judged(await issuer.token({}, { key: good! }))).toBe("ok");
  const weak = await issuer.token({}, { key: { ...(await signingKey("RS256")), kid: "spoilt" } });
  expect(await judged(weak)).toBe("no");
});

test("a provider that calls itself otherwise, or keeps its keys where anybody may change them, is not used", async () => {
  await using it = await scene();
  const { clock, provider, judged, issuer } = it;
  const other = createProvider({ issuer: `${issuer.url}/`, clock, log: () => undefined, onFailure: () => undefined });
  await other.round();
  expect(other.problem()).toBe(`it calls itself ${issuer.url}`);
  issuer.keysAt = "http://keys.example.org/";
  await provider.round();
  expect([provider.problem(), issuer.asked()]).toEqual(["its jwks_uri is no https URL", 0]);
  expect(await judged(await issuer.token())).toMatch(away);
});
