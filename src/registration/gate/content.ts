/**
 * What is decided upon when an instance wants to go live: its context, which the policy reads, and the digest of its content, which an
 * approval is bound to. Pure.
 */
import { canonicalJson, sha256 } from "../../kernel/canonical-json.ts";
import { nameKeyOf } from "../keys.ts";
import type { Attempt, LiveVersion } from "../records.ts";
import type { SchemaVerdict, SchemaVersion } from "../schemas/schema-records.ts";
import { isDowngrade } from "../schemas/version-order.ts";
import type { ModuleDescription } from "../types.ts";

export type Context = Readonly<Record<string, unknown>>;

/** An instance that has proven all that it can without people. */
export interface Candidate {
  readonly attempt: Pick<
    Attempt,
    "id" | "serviceId" | "name" | "type" | "version" | "request" | "requestHash" | "address" | "generation" | "actor" | "traceparent"
  >;
  readonly schema: Pick<SchemaVersion, "artifactId" | "version" | "sha256" | "comparison"> | undefined;
  readonly description: Pick<ModuleDescription, "capabilities"> | undefined;
}

/** What is known of the name at this moment. */
export interface Known {
  /** The principal that owns it, or asks for it while nobody does. */
  readonly owner: string;
  /** The tags that it has when it is live: UpdateTags may have set others than the request's. */
  readonly tags: readonly string[];
  /** Another version of it was live before. */
  readonly hadOthers: boolean;
  /** What is ACTIVE under it. */
  readonly live: readonly LiveVersion[];
  /** Service ids of those who ask for the same version. */
  readonly asking: readonly string[];
}

/** What is computed anew at every admission. It is not part of the digest. */
const recomputed = ["first", "downgrade", "verdict", "changes", "changes_omitted", "compared_with", "instances", "environment"] as const;
/** What the digest has, whatever the policy reads. */
const always = ["type", "name", "version", "schema", "capabilities", "grpc_services"] as const;
const mostChanges = 20;

/** The subject of approvals: one version of a name, however the name is spelled. */
export function subjectIdOf({ name, version }: Pick<Attempt, "name" | "version">): string {
  return `${nameKeyOf(name)}@${version}`;
}

/** All that a policy can read of it. */
export function contextOf({ attempt, schema, description }: Candidate, known: Known, environment: string): Context {
  const { request, serviceId, type, version } = attempt;
  const { changes, omitted } = schema?.comparison ?? { changes: [], omitted: 0 };
  return {
    type,
    name: nameKeyOf(attempt.name),
    version,
    environment,
    metadata: request.metadata,
    tags: [...known.tags].toSorted(),
    capabilities: [...new Set([...request.capabilities, ...(description?.capabilities ?? [])])].toSorted(),
    grpc_services: [...request.grpcServices].toSorted(),
    schema: schema ? `${schema.artifactId}:${schema.version}:${schema.sha256}` : namedDocument(request),
    owner: known.owner,
    instances: [...new Set([...known.asking, serviceId])].toSorted(),
    first: !known.hadOthers,
    downgrade: isDowngrade(
      version,
      known.live.map((one) => one.version),
    ),
    verdict: verdictOf(schema, known),
    compared_with: schema?.comparison?.against ?? "",
    changes: changes.slice(0, mostChanges).map(({ kind, pointer, message }) => ({ kind, pointer, message })),
    changes_omitted: omitted + Math.max(0, changes.length - mostChanges),
  };
}

/** A document that the request only names, since somebody else published it. */
function namedDocument({ httpSchemaArtifactId, httpSchemaVersion }: Attempt["request"]): string {
  return httpSchemaArtifactId === undefined ? "" : `${httpSchemaArtifactId}:${httpSchemaVersion ?? ""}`;
}

/**
 * What the schema means for those who use what is live: NONE where nothing else is, or the same; UNKNOWN where something is and
 * nothing was compared, so that a policy that lets compatible ones pass does not let this one pass.
 */
function verdictOf(schema: Candidate["schema"], { live, hadOthers }: Known): SchemaVerdict {
  if (schema?.comparison) return schema.comparison.verdict;
  if (schema) return !hadOthers || live.some(({ schemaSha256 }) => schemaSha256 === schema.sha256) ? "NONE" : "UNKNOWN";
  return live.some(({ schemaSha256 }) => schemaSha256 !== undefined) ? "UNKNOWN" : "NONE";
}

/**
 * SHA-256 (hex) of the content that an approval is for: type, name, version, schema, capabilities and services, and every other value
 * that the policy's expressions read (`reads`; undefined: all), except those that are computed anew at every admission.
 */
export function digestOf(context: Context, reads: readonly string[] | undefined): string {
  const names = new Set<string>([...always, ...(reads ?? Object.keys(context))]);
  for (const name of recomputed) names.delete(name);
  return sha256(canonicalJson(Object.fromEntries([...names].filter((name) => name in context).map((name) => [name, context[name]]))));
}

/** The names of what differs between two contents. */
export function differences(one: Context, other: Context, reads: readonly string[] | undefined): readonly string[] {
  const names = new Set<string>([...always, ...(reads ?? Object.keys(one))]);
  for (const name of recomputed) names.delete(name);
  return [...names].filter((name) => canonicalJson(one[name] ?? null) !== canonicalJson(other[name] ?? null)).toSorted();
}
