/** The field rules of requests about schemas. */
import { type FieldViolation, invalidFields } from "../../kernel/errors.ts";
import { artifactVerdict, nameVerdict, schemaVersionVerdict, type Verdict } from "../validate.ts";

/** Rejects what cannot be the name of a module or connector, or a version. */
export function checkSchemaQuery(field: "module_name" | "connector_type", name: string, schemaVersion: string | undefined): void {
  const bad = named({ [field]: name }, nameVerdict);
  if (schemaVersion !== undefined) bad.push(...named({ version: schemaVersion }, schemaVersionVerdict));
  if (bad.length > 0) throw invalidFields(bad);
}

/** Rejects what cannot be an artifact's id or a version; both by field. */
export function checkSchemaVersionQuery(artifact: Readonly<Record<string, string>>, versions: Readonly<Record<string, string>>): void {
  const bad = [...named(artifact, artifactVerdict), ...named(versions, schemaVersionVerdict)];
  if (bad.length > 0) throw invalidFields(bad);
}

function named(values: Readonly<Record<string, string>>, verdictOf: (value: string) => Verdict): FieldViolation[] {
  return Object.entries(values).flatMap(([field, value]) => {
    const description = verdictOf(value);
    return description === undefined ? [] : [{ field, description }];
  });
}
