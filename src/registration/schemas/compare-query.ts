/** What CompareSchemas is answered with: two texts, or two versions of an artifact, under the rules of registration. */
import { DomainError, toDomainError } from "../../kernel/errors.ts";
import type { RegistrationPorts } from "../attempts/attempt-context.ts";
import { findSchema } from "./schema-queries.ts";
import type { SchemaVersion, BoundedComparison } from "./schema-records.ts";
import { notCompared, unchanged } from "./bounded-comparison.ts";
import { checkSchemaVersionQuery } from "./validate-schema-query.ts";

/** Compares two texts under the rules of registration; `invalid` with a SCHEMA_* reason names the field whose text breaks them. */
export async function compareInline(
  { schemaQueries: { checkSchema, compareSchemas } }: Pick<RegistrationPorts, "schemaQueries">,
  former: string,
  next: string,
  share: string,
  signal: AbortSignal,
): Promise<BoundedComparison> {
  for (const [field, text] of [
    ["inline.former_json", former],
    ["inline.next_json", next],
  ] as const) {
    await checkSchema(text, share, signal).catch((error: unknown) => {
      throw namingField(toDomainError(error), field);
    });
  }
  return compareSchemas(former, next, share, signal);
}

/** Compares two versions of an artifact, from the record in any state, else from the schema registry; `not_found` where one is not there. */
export async function compareStored(
  ports: Pick<RegistrationPorts, "store" | "schemas" | "schemaQueries">,
  { artifactId, formerVersion, nextVersion }: { readonly artifactId: string; readonly formerVersion: string; readonly nextVersion: string },
  share: string,
  signal: AbortSignal,
): Promise<BoundedComparison> {
  checkSchemaVersionQuery({ "stored.artifact_id": artifactId }, { "stored.former_version": formerVersion, "stored.next_version": nextVersion });
  const find = async (version: string): Promise<{ readonly content: string; readonly kind?: SchemaVersion["kind"] }> =>
    (await ports.store.tx((tx) => tx.schemas.find(artifactId, version))) ??
    findSchema(ports, artifactId, version, { what: "artifact", name: artifactId }, signal);
  const [former, next] = await Promise.all([find(formerVersion), find(nextVersion)]);
  if (former.content === next.content) return unchanged;
  if ([former, next].some(({ kind }) => kind === "OPENAPI")) return notCompared("they are OpenAPI documents");
  return ports.schemaQueries.compareSchemas(former.content, next.content, share, signal);
}

function namingField(error: DomainError, field: string): DomainError {
  if (error.kind !== "invalid") return error;
  const { kind, reason, message, metadata } = error;
  return new DomainError({ kind, reason, message: `${field}: ${message}`, metadata, fields: [{ field, description: message }], cause: error });
}
