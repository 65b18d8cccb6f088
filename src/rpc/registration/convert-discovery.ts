/** Discovered instances as wire messages. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  GetModuleResponseSchema,
  GetServiceResponseSchema,
  ResolveServiceResponseSchema,
  type GetModuleResponse,
  type GetServiceResponse,
  type ResolveServiceResponse,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { Discovered } from "../../registration/discovery/discovered.ts";
import type { Resolution } from "../../registration/discovery/resolve.ts";

const optionalTime = (ms: number | undefined) => (ms === undefined ? undefined : timestampFromMs(ms));

function httpParts({ httpEndpoints, httpSchemaArtifactId, httpSchemaVersion }: Discovered) {
  return {
    httpEndpoints: httpEndpoints.map((endpoint) => ({ ...endpoint })),
    ...(httpSchemaArtifactId === undefined ? {} : { httpSchemaArtifactId }),
    ...(httpSchemaVersion === undefined ? {} : { httpSchemaVersion }),
  };
}

function times(it: Discovered, lastChecked: number | undefined) {
  const registeredAt = optionalTime(it.registeredAt);
  const lastHealthCheck = optionalTime(lastChecked);
  return { ...(registeredAt ? { registeredAt } : {}), ...(lastHealthCheck ? { lastHealthCheck } : {}) };
}

export function serviceOf(it: Discovered, lastChecked: number | undefined): GetServiceResponse {
  return create(GetServiceResponseSchema, {
    serviceName: it.name,
    serviceId: it.serviceId,
    host: it.host,
    port: it.port,
    version: it.version,
    metadata: { ...it.metadata },
    tags: [...it.tags],
    capabilities: [...it.capabilities],
    isHealthy: it.healthy,
    ...times(it, lastChecked),
    ...httpParts(it),
  });
}

export function moduleOf(it: Discovered, lastChecked: number | undefined): GetModuleResponse {
  return create(GetModuleResponseSchema, {
    moduleName: it.name,
    serviceId: it.serviceId,
    host: it.host,
    port: it.port,
    version: it.version,
    metadata: { ...it.metadata },
    inputFormat: it.metadata["input_format"] ?? "",
    outputFormat: it.metadata["output_format"] ?? "",
    documentTypes: wordsOf(it.metadata["document_types"] ?? ""),
    isHealthy: it.healthy,
    ...times(it, lastChecked),
  });
}

function wordsOf(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** `atMs`: when the instance was selected. */
export function resolutionOf(name: string, { chosen, total, healthy, why }: Resolution, atMs: number): ResolveServiceResponse {
  const facts = { serviceName: name, totalInstances: total, healthyInstances: healthy, selectionReason: why, resolvedAt: timestampFromMs(atMs) };
  if (chosen === undefined) return create(ResolveServiceResponseSchema, { found: false, ...facts });
  return create(ResolveServiceResponseSchema, {
    found: true,
    ...facts,
    host: chosen.host,
    port: chosen.port,
    serviceId: chosen.serviceId,
    metadata: { ...chosen.metadata },
    tags: [...chosen.tags],
    capabilities: [...chosen.capabilities],
    version: chosen.version,
    ...httpParts(chosen),
  });
}
