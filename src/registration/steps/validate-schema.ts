import { synthesiseSchema } from "../schema.ts";
import { sha256 } from "../service-id.ts";
import type { AttemptContext, CheckedSchema, RegistrationStep } from "../attempt-context.ts";

/** Checks the module's configuration schema, or makes the default one when it gave none. */
export const validateSchema: RegistrationStep = {
  event: "SCHEMA_VALIDATED",
  timeoutMs: 20_000,
  early: true,
  run: async (context, signal) => {
    const schema = await context.schema(signal);
    return {
      message: schema.synthesised ? "the module gave no schema: a default one was made" : "the schema is valid",
      metadata: { source: schema.synthesised ? "synthesised" : "module", sha256: schema.sha256, bytes: String(Buffer.byteLength(schema.content)) },
    };
  },
};

/** The work behind `AttemptContext.schema`. */
export async function checkedSchema(context: Pick<AttemptContext, "attempt" | "ports" | "describe">, signal: AbortSignal): Promise<CheckedSchema> {
  const given = (await context.describe(signal)).jsonConfigSchema;
  const synthesised = given === undefined || given.trim() === "";
  const content = synthesised ? synthesiseSchema(context.attempt.name) : given;
  if (!synthesised) await context.ports.checkSchema(content, signal);
  return {
    artifactId: `${context.attempt.name}-config`,
    version: context.attempt.version,
    content,
    sha256: sha256(content),
    synthesised,
  };
}
