/** The field rules of every registration request, one table a message; all bad fields are found at once. */
import { type FieldViolation, invalidFields } from "../kernel/errors.ts";
import { hostViolation } from "./address.ts";
import { givesOpenApi, openApiProblem } from "./schemas/http-schema.ts";
import { isOwnHttpArtifact } from "./schemas/schema-artifacts.ts";
import { reservedTagVerdict } from "./reserved-tags.ts";
import type { RegisterInput, ServiceType } from "./types.ts";

/** What the wire's type field may turn out to be. */
export type WireServiceType = ServiceType | "UNSPECIFIED" | "UNKNOWN";
export type RegisterCandidate = Omit<RegisterInput, "type"> & { readonly type: WireServiceType };

/** What is wrong with a field, in words that follow its name; undefined when nothing is. */
export type Verdict = string | undefined;
interface Rule<T> {
  readonly field: string;
  readonly check: (message: T) => Verdict;
}

const name = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/;
const version = /^[A-Za-z0-9._+-]{1,256}$/;
const requestId = /^[\x21-\x7e]{1,128}$/;
/** What request ids begin with that no caller may use. */
export const ownRequestIds = "approval:";
const grpcName = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const scheme = /^https?$/;
const artifactId = /^[\x21-\x24\x26-\x7e]{1,512}$/;
const requestTarget = /^\/(?!\/)[\x21\x22\x24-\x7e]{0,1023}$/;
// oxlint-disable-next-line no-control-regex
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

export const limits = {
  metadataPairs: 64,
  metadataKeyLength: 128,
  metadataValueBytes: 16 * 1_024,
  tags: 64,
  tagLength: 256,
  httpEndpoints: 16,
  grpcServices: 64,
  pathLength: 1_024,
  schemaBytes: 256 * 1_024,
  healthTimeoutMs: 120_000,
  lookupLength: 512,
} as const;

/** What is wrong with the name of a service. */
export function nameVerdict(value: string): Verdict {
  return name.test(value) ? undefined : "must match ^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$";
}

function portVerdict(port: number): Verdict {
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? undefined : "must be from 1 to 65535";
}

function wordsVerdict(words: readonly string[]): Verdict {
  if (words.length > limits.tags) return `must have at most ${limits.tags} entries`;
  const bad = words.findIndex((word) => word === "" || word.length > limits.tagLength || controlCharacter.test(word));
  return bad < 0 ? undefined : `entry ${bad} must be 1 to ${limits.tagLength} characters without control characters`;
}

function metadataVerdict(metadata: Readonly<Record<string, string>>): Verdict {
  const pairs = Object.entries(metadata);
  if (pairs.length > limits.metadataPairs) return `must have at most ${limits.metadataPairs} pairs`;
  for (const [index, [key, value]] of pairs.entries()) {
    if (key === "" || key.length > limits.metadataKeyLength || controlCharacter.test(key)) {
      return `key ${index} must be 1 to ${limits.metadataKeyLength} characters without control characters`;
    }
    if (Buffer.byteLength(value) > limits.metadataValueBytes) return `value of "${key}" must be at most ${limits.metadataValueBytes} bytes`;
  }
  return undefined;
}

function versionVerdict(value: string, type: WireServiceType): Verdict {
  if (value === "") return type === "MODULE" || type === "CONNECTOR" ? `is required for a ${type.toLowerCase()}` : undefined;
  return schemaVersionVerdict(value);
}

function endpointsVerdict(input: RegisterCandidate): Verdict {
  if (input.httpEndpoints.length > limits.httpEndpoints) return `must have at most ${limits.httpEndpoints} entries`;
  for (const [index, endpoint] of input.httpEndpoints.entries()) {
    if (!scheme.test(endpoint.scheme)) return `entry ${index}: scheme must be http or https`;
    const host = hostViolation(endpoint.host);
    if (host) return `entry ${index}: host ${host}`;
    const port = portVerdict(endpoint.port);
    if (port) return `entry ${index}: port ${port}`;
    for (const path of [endpoint.basePath, endpoint.healthPath]) {
      if (path !== "" && !isPath(path))
        return `entry ${index}: a path must begin with one / and be at most ${limits.pathLength} characters without control characters`;
    }
  }
  return undefined;
}

function isPath(path: string): boolean {
  return /^\/(?!\/)/.test(path) && path.length <= limits.pathLength && !controlCharacter.test(path);
}

function httpSchemaVerdict(r: RegisterCandidate): Verdict {
  if (r.httpSchema === undefined) return undefined;
  if (Buffer.byteLength(r.httpSchema) > limits.schemaBytes) return `must be at most ${limits.schemaBytes} bytes`;
  const problem = r.type === "SERVICE" ? openApiProblem(r.httpSchema) : undefined;
  return problem && `must be an OpenAPI document in JSON: it ${problem}`;
}

function httpSchemaVersionVerdict(r: RegisterCandidate): Verdict {
  if (r.httpSchemaVersion !== undefined) return schemaVersionVerdict(r.httpSchemaVersion);
  return r.version === "" && hasDocument(r) ? "is required with an OpenAPI document when version is empty" : undefined;
}

/** What is wrong with an artifact id. */
export function artifactVerdict(id: string): Verdict {
  return artifactId.test(id) && !isDots(id) ? undefined : "must be 1 to 512 printable ASCII characters without spaces and %, and neither . nor ..";
}

/** These would leave the path of a URL. */
function isDots(value: string): boolean {
  return value === "." || value === "..";
}

/** What is wrong with a version that must be there. */
export function schemaVersionVerdict(value: string): Verdict {
  return version.test(value) && !isDots(value) ? undefined : "must match ^[A-Za-z0-9._+-]{1,256}$ and be neither . nor ..";
}

function httpSchemaArtifactVerdict(r: RegisterCandidate): Verdict {
  const id = r.httpSchemaArtifactId;
  if (id === undefined) return undefined;
  const verdict = artifactVerdict(id);
  if (verdict) return verdict;
  if (hasDocument(r) && id.endsWith("-config") && !isOwnHttpArtifact(id, r.name)) return "must not end in -config: those belong to modules and connectors";
  return undefined;
}

function httpSchemaPathVerdict(r: RegisterCandidate): Verdict {
  if (r.httpSchemaPath === undefined) return undefined;
  if (r.type !== "SERVICE") return "is for services only";
  if (r.httpSchema !== undefined) return "must not be given beside http_schema";
  if (r.httpEndpoints.length === 0) return "needs an entry in http_endpoints, on which it is";
  return requestTarget.test(r.httpSchemaPath) ? undefined : `must begin with one / and be at most ${limits.pathLength} characters of a URL's path and query`;
}

function hasDocument({ type, ...r }: RegisterCandidate): boolean {
  return type === "SERVICE" && givesOpenApi({ ...r, type });
}

/** RegisterRequest. */
const registerRules: readonly Rule<RegisterCandidate>[] = [
  { field: "name", check: (r) => nameVerdict(r.name) },
  {
    field: "type",
    check: (r) => (r.type === "UNSPECIFIED" ? "must be set" : r.type === "UNKNOWN" ? "is not a known service type" : undefined),
  },
  { field: "connectivity.advertised_host", check: (r) => hostViolation(r.connectivity.advertisedHost) },
  { field: "connectivity.advertised_port", check: (r) => portVerdict(r.connectivity.advertisedPort) },
  {
    field: "connectivity.internal_host",
    check: (r) => (r.connectivity.internalHost === undefined ? undefined : hostViolation(r.connectivity.internalHost)),
  },
  {
    field: "connectivity.internal_port",
    check: (r) => (r.connectivity.internalPort === undefined ? undefined : portVerdict(r.connectivity.internalPort)),
  },
  { field: "version", check: (r) => versionVerdict(r.version, r.type) },
  { field: "metadata", check: (r) => metadataVerdict(r.metadata) },
  { field: "tags", check: (r) => reservedTagVerdict(r.tags) ?? wordsVerdict(r.tags) },
  { field: "capabilities", check: (r) => wordsVerdict(r.capabilities) },
  { field: "http_endpoints", check: endpointsVerdict },
  { field: "http_schema", check: httpSchemaVerdict },
  { field: "http_schema_version", check: httpSchemaVersionVerdict },
  { field: "http_schema_artifact_id", check: httpSchemaArtifactVerdict },
  { field: "http_schema_path", check: httpSchemaPathVerdict },
  {
    field: "grpc_services",
    check: (r) => {
      if (r.grpcServices.length > limits.grpcServices) return `must have at most ${limits.grpcServices} entries`;
      const bad = r.grpcServices.findIndex((service) => service.length > 256 || !grpcName.test(service));
      return bad < 0 ? undefined : `entry ${bad} must be a full gRPC service name`;
    },
  },
  {
    field: "request_id",
    check: ({ requestId: id }) => {
      if (id === undefined) return undefined;
      if (!requestId.test(id)) return "must be 1 to 128 printable ASCII characters without spaces";
      return id.startsWith(ownRequestIds) ? `must not begin with ${ownRequestIds}, as the platform's own do` : undefined;
    },
  },
  {
    field: "health_timeout",
    check: (r) => (r.healthTimeoutMs > 0 && r.healthTimeoutMs <= limits.healthTimeoutMs ? undefined : "must be more than 0 s and at most 120 s"),
  },
  {
    field: "startup_grace",
    check: (r) => (r.startupGraceMs >= 0 && r.startupGraceMs <= r.healthTimeoutMs ? undefined : "must be from 0 s to health_timeout"),
  },
];

export interface UnregisterInput {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** UnregisterRequest. */
const unregisterRules: readonly Rule<UnregisterInput>[] = [
  { field: "name", check: (r) => nameVerdict(r.name) },
  { field: "host", check: (r) => hostViolation(r.host) },
  { field: "port", check: (r) => portVerdict(r.port) },
];

export interface UpdateTagsInput {
  readonly serviceId: string;
  readonly tags: readonly string[];
}

/** UpdateTagsRequest. */
const updateTagsRules: readonly Rule<UpdateTagsInput>[] = [
  {
    field: "service_id",
    check: (r) =>
      r.serviceId === "" || r.serviceId.length > 512 || controlCharacter.test(r.serviceId)
        ? "must be 1 to 512 characters without control characters"
        : undefined,
  },
  { field: "tags", check: (r) => reservedTagVerdict(r.tags) ?? wordsVerdict(r.tags) },
];

export interface ResolveInput {
  readonly name: string;
  readonly requiredTags: readonly string[];
  readonly requiredCapabilities: readonly string[];
}

/** Entries of others may have names and ids of any form. */
function lookupVerdict(value: string): Verdict {
  if (value === "") return "is required";
  return value.length > limits.lookupLength || controlCharacter.test(value)
    ? `must be at most ${limits.lookupLength} characters without control characters`
    : undefined;
}

/** ResolveServiceRequest. */
const resolveRules: readonly Rule<ResolveInput>[] = [
  { field: "service_name", check: (r) => lookupVerdict(r.name) },
  { field: "required_tags", check: (r) => wordsVerdict(r.requiredTags) },
  { field: "required_capabilities", check: (r) => wordsVerdict(r.requiredCapabilities) },
];

function violations<T>(rules: readonly Rule<T>[], message: T): FieldViolation[] {
  return rules.flatMap(({ field, check }) => {
    const verdict = check(message);
    return verdict === undefined ? [] : [{ field, description: verdict }];
  });
}

/** The bad fields of a Register request, hosts judged as text only. */
export function registerViolations(candidate: RegisterCandidate): FieldViolation[] {
  return violations(registerRules, candidate);
}

/** True when nothing stands against the candidate's type, so that it is a RegisterInput. */
export function hasKnownType(candidate: RegisterCandidate): candidate is RegisterInput {
  return candidate.type !== "UNSPECIFIED" && candidate.type !== "UNKNOWN";
}

/** Rejects an Unregister request with bad fields. */
export function checkUnregister(input: UnregisterInput): void {
  const bad = violations(unregisterRules, input);
  if (bad.length > 0) throw invalidFields(bad);
}

/** Rejects an UpdateTags request with bad fields. */
export function checkUpdateTags(input: UpdateTagsInput): void {
  const bad = violations(updateTagsRules, input);
  if (bad.length > 0) throw invalidFields(bad);
}

/** Rejects a ResolveService request with bad fields. */
export function checkResolve(input: ResolveInput): void {
  const bad = violations(resolveRules, input);
  if (bad.length > 0) throw invalidFields(bad);
}

/** Rejects a name or service id that nothing can be looked up by; `field` is where it stood in the request. */
export function checkLookup(field: string, value: string): void {
  const verdict = lookupVerdict(value);
  if (verdict !== undefined) throw invalidFields([{ field, description: verdict }]);
}

/** Rejects what cannot be an attempt's id. */
export function checkAttemptId(id: string): void {
  if (!requestId.test(id)) throw invalidFields([{ field: "attempt_id", description: "must be 1 to 128 printable ASCII characters" }]);
}

/** What a Consul DNS client cannot look the name up by, as a warning; undefined when it can. */
export function dnsWarning(serviceName: string): string | undefined {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(serviceName)
    ? undefined
    : "the name is not a DNS label: it cannot be looked up through the catalog's DNS";
}
