/** What is shown of one instance: the catalog's entry, and what only the record knows. */
import type { CatalogInstance } from "../ports.ts";
import { httpSchemaOf } from "../schemas/http-schema.ts";
import type { Registration } from "../records.ts";
import { tagsOf } from "../tags.ts";
import type { HttpEndpoint } from "../types.ts";

export type DiscoveredKind = "service" | "module";

export interface Discovered {
  readonly kind: DiscoveredKind;
  readonly serviceId: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** The address that the host stood for at registration; undefined for what is not in the record. */
  readonly address: string | undefined;
  readonly version: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Without those derived from type and capabilities. */
  readonly tags: readonly string[];
  readonly capabilities: readonly string[];
  readonly healthy: boolean;
  /** Epoch milliseconds; undefined for what is not in the record. */
  readonly registeredAt: number | undefined;
  readonly httpEndpoints: readonly HttpEndpoint[];
  readonly httpSchemaArtifactId: string | undefined;
  readonly httpSchemaVersion: string | undefined;
}

/** Set to "true" in the metadata of an instance that somebody else put into the catalog. */
export const foreignKey = "muster-foreign";

/** Metadata of the catalog's entries that is no metadata of the registration. */
const ownKeys: ReadonlySet<string> = new Set(["version", "service-type", "advertised-host", "advertised-port", "registration-id", "muster-omitted"]);
const capabilityPrefix = "capability:";
const moduleTag = "module";

/**
 * An instance that is not on trial, as it is shown. What can change without a new registration (health, tags) comes from the
 * catalog alone; without a record the metadata is what the catalog keeps of it.
 */
export function discoveredFrom(instance: CatalogInstance, record: Registration | undefined): Discovered {
  const { serviceId, name, port, meta, tags, status } = instance;
  const isForeign = instance.attemptId === undefined;
  const isModule = meta["service-type"] === "SERVICE_TYPE_MODULE" || (isForeign && meta["service-type"] === undefined && tags.includes(moduleTag));
  const isDerived = (tag: string) => tag.startsWith(capabilityPrefix) || (isModule && tag === moduleTag && !(record && tagsOf(record).includes(moduleTag)));
  const httpSchema = record && httpSchemaOf(record);
  return {
    kind: isModule ? "module" : "service",
    serviceId,
    name,
    host: instance.address,
    port,
    address: record?.address,
    version: record?.version ?? meta["version"] ?? "",
    metadata: record?.request.metadata ?? (isForeign ? { ...meta, [foreignKey]: "true" } : withoutOwn(meta)),
    tags: tags.filter((tag) => !isDerived(tag)),
    capabilities: tags.filter((tag) => tag.startsWith(capabilityPrefix)).map((tag) => tag.slice(capabilityPrefix.length)),
    healthy: status === "passing",
    registeredAt: record?.registeredAt,
    httpEndpoints: record?.request.httpEndpoints ?? [],
    httpSchemaArtifactId: httpSchema?.artifactId,
    httpSchemaVersion: httpSchema?.version,
  };
}

function withoutOwn(meta: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(meta).filter(([key]) => !ownKeys.has(key)));
}
