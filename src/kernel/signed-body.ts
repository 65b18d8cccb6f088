/**
 * Bodies of webhooks that are signed by a shared secret, in two forms: Standard Webhooks (`webhook-id`, `webhook-timestamp`,
 * `webhook-signature`: HMAC-SHA256 by the bytes that the secret is the Base64 of, over `id.timestamp.body`), and `X-Approval-*` (hex
 * HMAC-SHA256 by the secret's text, over `timestamp.body`). Timestamps are epoch seconds.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const prefix = "whsec_";
const secretBytes = 32;
const leastLength = 16;
const mostLength = 255;
/** How far a timestamp may be from the clock of who verifies it, either way. */
export const signatureWindowMs = 300_000;

/** The values that sign, the newest first; at most two. */
export type SecretValues = readonly string[];

/** A new secret: `whsec_` and 32 random bytes in Base64. */
export function newSecret(): string {
  return `${prefix}${randomBytes(secretBytes).toString("base64")}`;
}

/** What is wrong with a secret that somebody else made, or undefined. The text has no part of it. */
export function secretViolation(secret: string): string | undefined {
  if (secret.length < leastLength || secret.length > mostLength || !/^[\x21-\x7e]+$/.test(secret))
    return `must have ${leastLength} to ${mostLength} printable ASCII characters without spaces`;
  // 22 digits of Base64 are 16 bytes.
  return secret.startsWith(prefix) && !/^whsec_[A-Za-z0-9+/]{22,}={0,2}$/.test(secret) ? "must have Base64 after whsec_, of 16 bytes at least" : undefined;
}

export interface Signed {
  readonly id: string;
  readonly body: string;
  /** The newest first; none for a callback that is not signed. */
  readonly secrets: SecretValues;
}

/**
 * The headers that identify and sign a body at `atMs`. While two secrets live, `webhook-signature` has a signature by each, and
 * `X-Approval-Signature`, which has room for one, that by the former. A secret signs by Standard Webhooks only when it begins with `whsec_`.
 */
export function signedHeaders({ id, body, secrets }: Signed, atMs: number): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(atMs / 1_000));
  const headers = { "webhook-id": id, "webhook-timestamp": timestamp, "X-Approval-Event-Id": id, "X-Approval-Timestamp": timestamp };
  const former = secrets.at(-1);
  if (former === undefined) return headers;
  const bytes = Buffer.from(body, "utf8");
  const signatures = secrets.filter(isStandard).map((secret) => `v1,${standard(secret, id, timestamp, bytes).toString("base64")}`);
  return {
    ...headers,
    ...(signatures.length === 0 ? {} : { "webhook-signature": signatures.join(" ") }),
    "X-Approval-Signature": `sha256=${plain(former, timestamp, bytes).toString("hex")}`,
  };
}

/** Why a body is not accepted: it has no signature; none is by a secret over this body; it was signed too long ago, or in the future. */
export type SignatureViolation = "unsigned" | "differs" | "out of time";

/**
 * Undefined when the body, as it came, is signed by one of the secrets, in one of the two forms, at most five minutes from `nowMs`.
 * `header` gives a header by its name in lower case. A secret signs by Standard Webhooks only when it begins with `whsec_`.
 */
export function signatureViolation(
  header: (name: string) => string | undefined,
  body: Uint8Array,
  secrets: SecretValues,
  nowMs: number,
): SignatureViolation | undefined {
  const found = [plainMatch(header, body, secrets), standardMatch(header, body, secrets)].filter((match) => match !== undefined);
  if (found.length === 0) return "unsigned";
  const good = found.filter(({ isGood }) => isGood);
  if (good.length === 0) return "differs";
  return good.some(({ timestamp }) => Math.abs(nowMs - timestamp * 1_000) <= signatureWindowMs) ? undefined : "out of time";
}

interface Match {
  readonly isGood: boolean;
  readonly timestamp: number;
}

function plainMatch(header: (name: string) => string | undefined, body: Uint8Array, secrets: SecretValues): Match | undefined {
  const [signature, timestamp] = [header("x-approval-signature"), header("x-approval-timestamp")];
  if (signature === undefined || !isTimestamp(timestamp)) return undefined;
  const given = /^sha256=([0-9a-f]{64})$/i.exec(signature)?.[1] ?? "";
  const isGood = secrets.some((secret) => isEqual(plain(secret, timestamp, body), Buffer.from(given, "hex")));
  return { isGood, timestamp: Number(timestamp) };
}

function standardMatch(header: (name: string) => string | undefined, body: Uint8Array, secrets: SecretValues): Match | undefined {
  const [id, signature, timestamp] = [header("webhook-id"), header("webhook-signature"), header("webhook-timestamp")];
  if (id === undefined || signature === undefined || !isTimestamp(timestamp)) return undefined;
  const given = signature.split(" ").flatMap((each) => (each.startsWith("v1,") ? [Buffer.from(each.slice("v1,".length), "base64")] : []));
  const mine = secrets.filter(isStandard).map((secret) => standard(secret, id, timestamp, body));
  return { isGood: mine.some((own) => given.some((each) => isEqual(own, each))), timestamp: Number(timestamp) };
}

function isStandard(secret: string): boolean {
  return secret.startsWith(prefix);
}

/** Milliseconds, which some senders give, are a time far ahead: so it is said what is wrong with them. */
function isTimestamp(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,15}$/.test(text);
}

function isEqual(own: Buffer, given: Buffer): boolean {
  return own.length === given.length && timingSafeEqual(own, given);
}

function plain(secret: string, timestamp: string, body: Uint8Array): Buffer {
  return createHmac("sha256", secret).update(`${timestamp}.`, "utf8").update(body).digest();
}

function standard(secret: string, id: string, timestamp: string, body: Uint8Array): Buffer {
  const key = Buffer.from(secret.slice(prefix.length), "base64");
  return createHmac("sha256", key).update(`${id}.${timestamp}.`, "utf8").update(body).digest();
}
