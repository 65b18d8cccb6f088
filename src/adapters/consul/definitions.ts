/** Catalog entries as Consul service definitions. */
import type { CatalogEntry } from "../../registration/ports.ts";
import { isIPv6 } from "node:net";
import {
  bootCheckId,
  entryMeta,
  entryTags,
  registrationIdKey,
  removeAfterMs,
  steadyCheckId,
  steadyIntervalMs,
  trialCheckId,
  trialLifeMs,
} from "../catalog-entry.ts";
import { trialOfKey } from "../catalog-metadata.ts";
import type { CheckDefinition, ServiceDefinition } from "./types.ts";

/** The id of a trial whose own service id is taken. `@` is in no name and no host, so it cannot be an instance's service id. */
export const candidateId = (serviceId: string, attemptId: string): string => `${serviceId}@${attemptId}`;

/** A trial under its own service id: nothing is there yet. */
export function freshTrial(entry: CatalogEntry, probes: number): ServiceDefinition {
  return { ...definition(entry), Checks: trialChecks(entry, probes) };
}

/** A trial beside an entry that keeps serving: another id, and a name that no consumer queries. */
export function candidateTrial(entry: CatalogEntry, probes: number): ServiceDefinition {
  return {
    ID: candidateId(entry.serviceId, entry.attemptId),
    Name: "muster-trial",
    Address: entry.check.address,
    Port: entry.check.port,
    Tags: [],
    Meta: { [registrationIdKey]: entry.attemptId, [trialOfKey]: entry.serviceId },
    Checks: trialChecks(entry, probes),
  };
}

/** The serving entry. */
export function promoted(entry: CatalogEntry): ServiceDefinition {
  const check: CheckDefinition = {
    ...grpcCheck(entry),
    CheckID: steadyCheckId(entry.attemptId),
    Name: "gRPC health",
    Status: "passing",
    Interval: duration(steadyIntervalMs),
    DeregisterCriticalServiceAfter: duration(entry.removeAfterMs ?? removeAfterMs),
  };
  return { ...definition(entry), Checks: [check] };
}

function definition(entry: CatalogEntry): Omit<ServiceDefinition, "Checks"> {
  return {
    ID: entry.serviceId,
    Name: entry.name,
    Address: entry.address,
    Port: entry.port,
    TaggedAddresses: {
      lan: { Address: entry.check.address, Port: entry.check.port },
      wan: { Address: entry.address, Port: entry.port },
    },
    Tags: entryTags(entry),
    Meta: entryMeta(entry),
  };
}

/**
 * Consul makes a check's first probe at a random moment of its interval, which is never below 1 s: of several equal
 * checks the first one to pass comes sooner (median 0.5 s with one, 0.08 s with eight).
 */
function trialChecks(entry: CatalogEntry, probes: number): readonly CheckDefinition[] {
  const boot = Array.from({ length: probes }, (_, index): CheckDefinition => ({
    ...grpcCheck(entry),
    CheckID: bootCheckId(entry.attemptId, index),
    Name: "gRPC health on trial",
    Status: "critical",
    Interval: "1s",
    DeregisterCriticalServiceAfter: duration(trialLifeMs),
  }));
  // Consul counts the time a check is critical from its first verdict on; for a TTL without renewal that is its expiry.
  const guard: CheckDefinition = {
    CheckID: trialCheckId(entry.attemptId),
    Name: "on trial until promoted",
    Status: "critical",
    TTL: "10s",
    DeregisterCriticalServiceAfter: duration(trialLifeMs),
  };
  return [guard, ...boot];
}

/**
 * Consul 1.8 has no server name for a check: it would verify the certificate against the dialled IP, with the agent's
 * roots. The check only reads health; the callback verifies the identity.
 */
function grpcCheck(entry: CatalogEntry): Pick<CheckDefinition, "GRPC" | "GRPCUseTLS" | "TLSSkipVerify" | "Timeout"> {
  const { address, port, tls, service } = entry.check;
  return {
    GRPC: `${isIPv6(address) ? `[${address}]` : address}:${port}${service === undefined ? "" : `/${service}`}`,
    GRPCUseTLS: tls,
    TLSSkipVerify: tls,
    Timeout: "2s",
  };
}

function duration(ms: number): string {
  return `${ms / 1_000}s`;
}
