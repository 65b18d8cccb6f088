import type { Subject } from "../kernel/audit.ts";
import { canonicalJson, sha256 } from "../kernel/canonical-json.ts";
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
  return sha256(canonicalJson(asked));
}

/** What audit rows and events of an instance are about. */
export function subjectOf(serviceId: string): Subject {
  return { kind: "instance", id: serviceId };
}
