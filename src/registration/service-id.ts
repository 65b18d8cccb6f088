import { createHash } from "node:crypto";
import type { RegisterInput } from "./types.ts";

/**
 * The id of an instance everywhere: `name-host-port`, as given. Not injective ("a-b"+"c" = "a"+"b-c"), so the store
 * keeps both the id and the triple unique and a clash is refused.
 */
export function serviceIdOf(name: string, host: string, port: number): string {
  return `${name}-${host}-${port}`;
}

/**
 * SHA-256 (hex) of what a request asks for. Order of map keys does not count; ids and waiting options
 * (`request_id`, `health_timeout`, `startup_grace`, `validate_only`, `wait_for_approval`) are not part of it.
 */
export function requestHashOf(input: RegisterInput): string {
  const { requestId: _id, healthTimeoutMs: _timeout, startupGraceMs: _grace, validateOnly: _only, waitForApproval: _wait, ...asked } = input;
  return createHash("sha256").update(canonicalJson(asked)).digest("hex");
}

/** JSON with object keys sorted, so that equal values give equal text. `undefined` members are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === "object" && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/** SHA-256 (hex) of a text's UTF-8 bytes. */
export function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}
