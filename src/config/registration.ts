/** Allowed instances, retention of attempts, and the comparison of record and catalog. */
import { isLoopback } from "./server.ts";
import { oneOf, parseDuration, rangesOf } from "./values.ts";

export const registrationVariables = {
  MUSTER_MODULE_ADDRESSES: { fallback: "", secret: false },
  MUSTER_MODULE_CA: { fallback: "", secret: false },
  MUSTER_MODULE_CERT: { fallback: "", secret: false },
  MUSTER_MODULE_KEY: { fallback: "", secret: false },
  MUSTER_ATTEMPT_LEASE: { fallback: "15s", secret: false },
  MUSTER_ATTEMPT_RETENTION: { fallback: "30d", secret: false },
  MUSTER_RECONCILE: { fallback: "on", secret: false },
  MUSTER_RECONCILE_EVERY: { fallback: "15s", secret: false },
  MUSTER_REAP_AFTER: { fallback: "600s", secret: false },
  MUSTER_ENVIRONMENT: { fallback: "", secret: false },
} as const;

type Get = (name: keyof typeof registrationVariables) => string;

export interface RegistrationSettings {
  readonly modules: {
    readonly allowLoopback: boolean;
    readonly allowedRanges: readonly string[];
    readonly caFile: string | undefined;
    /** What this server shows to modules that want a client certificate. */
    readonly clientCertificate: { readonly certFile: string; readonly keyFile: string } | undefined;
  };
  /** Where this server stands, such as `prod`: for policies to read; empty when it is not set. */
  readonly environment: string;
  readonly attemptLeaseMs: number;
  /** How long ended attempts are kept. */
  readonly attemptRetentionMs: number;
  readonly reconcile: {
    readonly mode: "on" | "validate" | "off";
    readonly everyMs: number;
    /** An instance that is critical for this long is unregistered. */
    readonly reapAfterMs: number;
  };
}

/** `host` is what the server listens on: only a server on loopback may reach modules there. */
export function parseRegistration(get: Get, host: string, problems: string[]): RegistrationSettings {
  const allowedRanges = rangesOf("MUSTER_MODULE_ADDRESSES", get("MUSTER_MODULE_ADDRESSES"), problems);
  const [certFile, keyFile] = [get("MUSTER_MODULE_CERT"), get("MUSTER_MODULE_KEY")];
  if ((certFile === "") !== (keyFile === "")) problems.push("MUSTER_MODULE_CERT and MUSTER_MODULE_KEY must be set together");
  return {
    modules: {
      allowLoopback: isLoopback(host),
      allowedRanges,
      caFile: get("MUSTER_MODULE_CA") || undefined,
      clientCertificate: certFile === "" ? undefined : { certFile, keyFile },
    },
    environment: environmentOf(get("MUSTER_ENVIRONMENT"), problems),
    attemptLeaseMs: parseDuration("MUSTER_ATTEMPT_LEASE", get("MUSTER_ATTEMPT_LEASE"), { unit: "s", min: 1, max: 120 }, problems),
    attemptRetentionMs: parseDuration("MUSTER_ATTEMPT_RETENTION", get("MUSTER_ATTEMPT_RETENTION"), { unit: "d", min: 1, max: 3_650 }, problems),
    reconcile: {
      mode: oneOf("MUSTER_RECONCILE", get("MUSTER_RECONCILE"), ["on", "validate", "off"], problems),
      everyMs: parseDuration("MUSTER_RECONCILE_EVERY", get("MUSTER_RECONCILE_EVERY"), { unit: "s", min: 1, max: 300 }, problems),
      reapAfterMs: parseDuration("MUSTER_REAP_AFTER", get("MUSTER_REAP_AFTER"), { unit: "s", min: 1, max: 604_800 }, problems),
    },
  };
}

function environmentOf(text: string, problems: string[]): string {
  if (text !== "" && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text))
    problems.push("MUSTER_ENVIRONMENT must be 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first");
  return text;
}
