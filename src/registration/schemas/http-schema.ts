/** A service's OpenAPI document: whether its request gives one, what it must be, and where it is kept. */
import type { Registration } from "../records.ts";
import type { RegisterInput } from "../types.ts";

const maxDepth = 200;

/** Whether a registration of this request stands on an OpenAPI document: one in it, or one to be fetched. */
export function givesOpenApi(request: Pick<RegisterInput, "type" | "httpSchema" | "httpSchemaPath">): boolean {
  return request.type === "SERVICE" && (request.httpSchema !== undefined || request.httpSchemaPath !== undefined);
}

/**
 * What consumers are shown of an instance's OpenAPI document: where it is in the schema registry, or what the request says
 * when it only names a document that somebody else put there.
 */
export function httpSchemaOf({ request, schema }: Pick<Registration, "request" | "schema">): {
  readonly artifactId: string | undefined;
  readonly version: string | undefined;
} {
  if (givesOpenApi(request) && schema) return schema;
  return { artifactId: request.httpSchemaArtifactId, version: request.httpSchemaVersion };
}

/** Why a text is no OpenAPI document, in words that follow "it"; undefined when it is one. Takes milliseconds for a MiB. */
export function openApiProblem(text: string): string | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return "is not JSON (YAML is not accepted)";
  }
  if (!isObject(document)) return "is not a JSON object";
  const { openapi, swagger, info, paths } = document;
  if (typeof openapi === "string" ? !/^3\.\d{1,3}(\.\d{1,3})?$/.test(openapi) : swagger !== "2.0") return 'has neither "openapi": "3.x" nor "swagger": "2.0"';
  if (!isObject(info) || typeof info["title"] !== "string" || typeof info["version"] !== "string") return "has no info with title and version";
  if (paths !== undefined && !isObject(paths)) return "has paths that are not an object";
  const needsPaths = swagger === "2.0" || (typeof openapi === "string" && openapi.startsWith("3.0"));
  if (needsPaths && paths === undefined) return "has no paths";
  return isFlat(document) ? undefined : `is nested more than ${maxDepth} levels deep`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Without recursion, level by level. */
function isFlat(document: unknown): boolean {
  let level: readonly unknown[] = [document];
  for (let depth = 0; depth <= maxDepth; depth++) {
    level = level.flatMap((value) => (typeof value === "object" && value !== null ? Object.values(value) : []));
    if (level.length === 0) return true;
  }
  return false;
}
