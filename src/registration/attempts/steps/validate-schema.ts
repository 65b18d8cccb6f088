import { sha256 } from "../../../kernel/canonical-json.ts";
import { synthesiseSchema } from "../../../schema-diff/schema-text.ts";
import type { CheckedSchema, RegistrationStep, SchemaSource } from "../attempt-context.ts";

const messages: Readonly<Record<CheckedSchema["source"], string>> = {
  module: "the schema is valid",
  synthesised: "the module gave no schema: a default one was made",
  request: "the OpenAPI document of the request is valid",
  fetched: "the OpenAPI document was fetched and is valid",
};

/** Takes and checks the schema that the registration stands on, and tells how it differs from the version before. */
export const validateSchema: RegistrationStep = {
  event: "SCHEMA_VALIDATED",
  timeoutMs: 20_000,
  early: true,
  run: async (context, signal) => {
    const { source, sha256: hash, content, comparison } = await context.schema(signal);
    return {
      message: messages[source],
      metadata: {
        source,
        sha256: hash,
        bytes: String(Buffer.byteLength(content)),
        ...(comparison ? { compatibility: comparison.verdict, compared_with: comparison.against } : {}),
      },
    };
  },
};

/** The configuration schema that the instance gives when it is called back, or the default one when it gives none. */
export function configurationSchema(artifactOf: (name: string) => string): SchemaSource {
  return {
    describes: true,
    async take({ attempt, ports, describe }, signal) {
      const given = (await describe(signal)).jsonConfigSchema;
      const synthesised = given === undefined || given.trim() === "";
      const content = synthesised ? synthesiseSchema(attempt.name) : given;
      if (!synthesised) await ports.checkSchema(content, signal);
      return {
        artifactId: artifactOf(attempt.name),
        version: attempt.version,
        kind: "JSON",
        content,
        sha256: sha256(content),
        synthesised,
        source: synthesised ? "synthesised" : "module",
      };
    },
  };
}
