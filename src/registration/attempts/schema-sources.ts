/** Where the schema of each service type comes from. */
import { sha256 } from "../../kernel/canonical-json.ts";
import type { DocumentPlace } from "../ports.ts";
import { DomainError } from "../../kernel/errors.ts";
import { synthesiseSchema, withoutByteOrderMark } from "../../schema-diff/schema-text.ts";
import { retrying } from "../../kernel/retry.ts";
import { openApiProblem } from "../schemas/http-schema.ts";
import { httpArtifactOf, isOwnHttpArtifact, publishedName, type ArtifactOf } from "../schemas/schema-artifacts.ts";
import type { RegistrationStore } from "../records.ts";
import type { SchemaSource } from "./attempt-context.ts";
import type { RegisterInput } from "../types.ts";

/** The configuration schema that the instance gives when it is called back, or the default one when it gives none. */
export function configurationSchema(artifactOf: ArtifactOf): SchemaSource {
  return {
    describes: true,
    async take({ attempt, share, ports }, description, signal) {
      const given = withoutByteOrderMark(description?.jsonConfigSchema ?? "");
      const synthesised = given.trim() === "";
      const name = await publishedName(ports.store, attempt.name, artifactOf);
      const content = synthesised ? synthesiseSchema(name) : given;
      const { warnings } = synthesised ? { warnings: [] } : await ports.checkSchema(content, share, signal);
      return {
        artifactId: await artifactOf(ports.store, name),
        version: attempt.version,
        kind: "JSON",
        content,
        sha256: sha256(content),
        synthesised,
        source: synthesised ? "synthesised" : "module",
        warnings,
      };
    },
  };
}

/** The OpenAPI document in the request, or the one that the first of its HTTP endpoints serves under `http_schema_path`. */
export const openApiDocument: SchemaSource = {
  describes: false,
  async take({ attempt, share, ports }, _description, signal) {
    const { request } = attempt;
    const given = request.httpSchema;
    const content = withoutByteOrderMark(given ?? (await retrying(ports.clock, signal, () => ports.documents.fetch(placeOf(request), share, signal))));
    const problem = openApiProblem(content);
    if (problem !== undefined) {
      throw new DomainError({ kind: "invalid", reason: "OPENAPI_INVALID", message: `not an OpenAPI document: it ${problem}` });
    }
    return {
      artifactId: await documentArtifact(ports.store, attempt.name, request),
      version: request.httpSchemaVersion ?? attempt.version,
      kind: "OPENAPI",
      content,
      sha256: sha256(content),
      synthesised: false,
      source: given === undefined ? "fetched" : "request",
    };
  },
};

async function documentArtifact(store: RegistrationStore, name: string, { httpSchemaArtifactId: given }: RegisterInput): Promise<string> {
  if (given !== undefined && !isOwnHttpArtifact(given, name)) return given;
  return httpArtifactOf(await publishedName(store, name, httpArtifact));
}

const httpArtifact: ArtifactOf = async (_store, name) => httpArtifactOf(name);

function placeOf({ httpEndpoints: [endpoint], httpSchemaPath: path }: RegisterInput): DocumentPlace {
  if (!endpoint || path === undefined)
    throw new DomainError({ kind: "internal", reason: "INTERNAL", message: "a request without a document passed the rules" });
  return { host: endpoint.host, port: endpoint.port, tls: endpoint.tlsEnabled || endpoint.scheme === "https", path };
}
