/**
 * The keys of one OpenID Connect provider: discovery (OpenID Connect Discovery 1.0) and its JWK Set (RFC 7517).
 *
 * Guarantees: a key that is known is found without a request; the provider is asked for the others, at most every ten seconds
 * whatever callers send; each look ends within ten seconds, and takes 256 KiB at most of each answer. What cannot be used, an empty
 * set among it, replaces no keys; after an hour without a good answer they are not used any more. A key that is missing in a good
 * answer is not used from then on.
 */
import type { CompactJWSHeaderParameters, CryptoKey, FlattenedJWSInput, JSONWebKeySet } from "jose";
import { unavailable } from "../../kernel/errors.ts";
import type { Log } from "../../kernel/log.ts";
import type { Clock } from "../../kernel/ports.ts";
import { createHttpClient, HttpFailure } from "../http/client.ts";

export interface ProviderOptions {
  /** As it is in tokens, letter by letter. */
  readonly issuer: string;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  /** Called for every look that ends without keys. */
  readonly onFailure: () => void;
  /** For each of its two answers, in milliseconds. */
  readonly limitMs?: number;
}

export interface Provider {
  readonly issuer: string;
  /** The key for this header; undefined when the provider has none. Rejects with `unavailable` while that cannot be known. */
  keyFor(header: CompactJWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey | undefined>;
  /** Looks at the provider when it is time to. Does not reject. */
  round(): Promise<void>;
  /** What is wrong with it since its last look; undefined when nothing is, or nobody has looked. */
  problem(): string | undefined;
}

export const keepMs = 3_600_000;
export const floorMs = 10_000;
const freshMs = 300_000;
const answerMs = 5_000;
/** Each costs a verification, for tokens of nobody, too. */
const mostTried = 8;
const limits = { maxAnswerBytes: 262_144, connections: 1 } as const;

type FindKey = (header: CompactJWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

export function createProvider({ issuer, clock, log, onFailure, limitMs }: ProviderOptions): Provider {
  let keys: { readonly find: FindKey; readonly ids: string; readonly readAt: number } | undefined;
  let problem: string | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  async function read(): Promise<void> {
    try {
      const { set, ids } = await readKeys(issuer, limitMs);
      const { createLocalJWKSet } = await import("jose");
      if (problem !== undefined || ids !== keys?.ids) log("info", "identity.keys-read", { issuer, key_ids: ids });
      keys = { find: createLocalJWKSet(set), ids, readAt: clock.now() };
      problem = undefined;
    } catch (error) {
      const text = whatFailed(error);
      if (text !== problem) log("error", "identity.read-failed", { issuer, error: text, in_force: keys === undefined ? "nothing" : "the keys it had before" });
      problem = text;
      onFailure();
    }
  }

  /** Resolves after a look that began less than ten seconds ago. */
  function look(): Promise<void> {
    if (looking) return looking;
    if (Math.abs(clock.now() - lookedAt) < floorMs) return Promise.resolve();
    lookedAt = clock.now();
    looking = read().finally(() => (looking = undefined));
    return looking;
  }

  async function known(header: CompactJWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey | undefined> {
    if (keys === undefined || clock.now() - keys.readAt > keepMs) return undefined;
    // No key, several that fit, or one that cannot be used.
    return keys.find(header, token).catch((error: unknown) => signerOf(token, error));
  }

  return {
    issuer,
    async keyFor(header, token) {
      const found = await known(header, token);
      if (found) return found;
      await look();
      const now = await known(header, token);
      if (now || (keys !== undefined && problem === undefined)) return now;
      throw unavailable("identity provider", `the keys of ${issuer} cannot be read: ${problem ?? "they were not read yet"}`);
    },
    async round() {
      const isDue = problem !== undefined || keys === undefined || clock.now() - keys.readAt >= freshMs;
      if (isDue) await look();
    },
    problem: () => problem,
  };
}

/** The key that signed a token, of several that fit it: it names none (RFC 7515, 4.1.4), or several have the id that it names. */
async function signerOf(token: FlattenedJWSInput, error: unknown): Promise<CryptoKey | undefined> {
  const { errors, flattenedVerify } = await import("jose");
  if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return undefined;
  let tried = 0;
  for await (const key of error) {
    if (await flattenedVerify(token, key).catch(() => undefined)) return key;
    if ((tried += 1) === mostTried) return undefined;
  }
  return undefined;
}

/** Reads the keys of an issuer now; `ids` are those of its usable keys. */
export async function readKeys(issuer: string, limitMs = answerMs): Promise<{ readonly set: JSONWebKeySet; readonly ids: string }> {
  const about = await getJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, limitMs);
  const named = member(about, "issuer");
  if (named !== issuer) throw new Unusable(`it calls itself ${typeof named === "string" ? named : "nothing"}`);
  const place = member(about, "jwks_uri");
  if (typeof place !== "string" || !isTrustworthy(place)) throw new Unusable("its jwks_uri is no https URL");
  const set = await getJson(place, limitMs);
  const list = member(set, "keys");
  const usable = (Array.isArray(list) ? (list as readonly unknown[]) : []).filter(isSigningKey);
  if (usable.length === 0) throw new Unusable("its key set has no keys for signatures");
  return {
    set: { keys: usable },
    ids: usable
      .map(({ kid }) => (typeof kid === "string" ? kid : "(none)"))
      .toSorted()
      .join(" "),
  };
}

/** Plain HTTP only on this machine: whoever is between could send keys of his own. */
export function isTrustworthy(place: string): boolean {
  const url = URL.parse(place);
  return url !== null && (url.protocol === "https:" || (url.protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname)));
}

class Unusable extends Error {}

async function getJson(place: string, limitMs: number): Promise<unknown> {
  const origin = new URL(place);
  using client = createHttpClient({ origin, limitMs, ...limits });
  const path = origin.pathname + origin.search;
  const { status, body } = await client.send({ method: "GET", path, headers: { accept: "application/json" } }, new AbortController().signal);
  if (status !== 200) throw new Unusable(`HTTP ${status} from ${origin.origin}${origin.pathname}`);
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new Unusable(`${origin.origin}${origin.pathname} is no JSON`);
  }
}

/** Of a key pair, and not for encryption. A secret key in a set would let everybody sign who can read the set. */
function isSigningKey(key: unknown): key is JSONWebKeySet["keys"][number] {
  return ["RSA", "EC", "OKP"].includes(String(member(key, "kty"))) && [undefined, "sig"].includes(member(key, "use") as string | undefined);
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** Why keys could not be read, as a text that may be shown. */
export function whatFailed(error: unknown): string {
  if (error instanceof Unusable) return error.message;
  if (!(error instanceof HttpFailure)) return "its answer cannot be used";
  if (error.kind === "too large") return `an answer has more than ${limits.maxAnswerBytes} bytes`;
  return error.kind === "late" ? "it does not answer in time" : `no connection (${error.code || "it ended"})`;
}
