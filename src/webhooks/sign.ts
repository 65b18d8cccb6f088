/**
 * The headers of a delivery, in two forms that receivers know: Standard Webhooks (`webhook-id`, `webhook-timestamp`,
 * `webhook-signature`: HMAC-SHA256 by the bytes that the secret is the Base64 of, over `id.timestamp.body`), and `X-Approval-*` (hex
 * HMAC-SHA256 by the secret's text, over `timestamp.body`).
 */
import { createHmac, randomBytes } from "node:crypto";
import type { SecretValues } from "./types.ts";

const prefix = "whsec_";
const secretBytes = 32;

/** A new secret: `whsec_` and 32 random bytes in Base64. */
export function newSecret(): string {
  return `${prefix}${randomBytes(secretBytes).toString("base64")}`;
}

export interface Signed {
  readonly id: string;
  readonly body: string;
  /** The newest first; none for a callback that is not signed. */
  readonly secrets: SecretValues;
}

/**
 * The headers that identify and sign a body at `atMs`. While two secrets live, `webhook-signature` has a signature by each, and
 * `X-Approval-Signature`, which has room for one, that by the former.
 */
export function signedHeaders({ id, body, secrets }: Signed, atMs: number): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(atMs / 1_000));
  const headers = { "webhook-id": id, "webhook-timestamp": timestamp, "X-Approval-Event-Id": id, "X-Approval-Timestamp": timestamp };
  const former = secrets.at(-1);
  if (former === undefined) return headers;
  return {
    ...headers,
    "webhook-signature": secrets.map((secret) => `v1,${hmac(keyOf(secret), `${id}.${timestamp}.${body}`).toString("base64")}`).join(" "),
    "X-Approval-Signature": `sha256=${hmac(former, `${timestamp}.${body}`).toString("hex")}`,
  };
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(prefix.length), "base64");
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}
