/** An identity provider that signs whatever a test wants, and answers as badly as it is told to. */
import type { RequestListener, ServerResponse } from "node:http";
import { startHttpServer } from "./http-server.ts";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from "jose";

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly secret: CryptoKey;
  readonly jwk: JWK;
}

export interface Issuer extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** What its key set has. */
  keys: readonly SigningKey[];
  /** Answers requests for the key set instead of it. */
  instead: ((response: ServerResponse) => void) | undefined;
  /** Where it says that its keys are; by default, where they are. */
  keysAt: string | undefined;
  /** How often the key set was asked for. */
  readonly asked: () => number;
  /** An access token for `muster` that is good for five minutes from now, by its first key. */
  token(claims?: JWTPayload, how?: { readonly key?: SigningKey; readonly header?: Record<string, unknown> }): Promise<string>;
  /** Its clock, epoch seconds. */
  now: () => number;
}

let made = 0;

export async function signingKey(alg = "ES256"): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const kid = `key-${(made += 1)}`;
  return { kid, alg, secret: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}

/** On `port`, by default a free one. */
export async function startIssuer(port = 0): Promise<Issuer> {
  let asked = 0;
  const listener: RequestListener = (request, response) => {
    response.setHeader("content-type", "application/json");
    if (request.url === "/.well-known/openid-configuration")
      return void response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: issuer.keysAt ?? `${issuer.url}/keys` }));
    asked += 1;
    if (issuer.instead) return issuer.instead(response);
    response.end(JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) }));
  };
  const server = await startHttpServer(listener, "127.0.0.1", port);
  const { url } = server;
  const issuer: Issuer = {
    url,
    keys: [await signingKey()],
    instead: undefined,
    keysAt: undefined,
    asked: () => asked,
    now: () => Math.floor(Date.now() / 1_000),
    token(claims = {}, { key = issuer.keys[0]!, header = {} } = {}) {
      const now = issuer.now();
      return new SignJWT({ iss: url, sub: "amy", aud: "muster", iat: now, exp: now + 300, ...claims })
        .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "at+jwt", ...header })
        .sign(key.secret, { crit: { x: true } });
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return issuer;
}
