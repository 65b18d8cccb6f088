import { sha256 } from "../../../kernel/canonical-json.ts";
import { synthesiseSchema, withoutByteOrderMark } from "../../../schema-diff/schema-text.ts";
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
    const { source, sha256: hash, content, comparison, warnings = [] } = await context.schema(signal);
    return {
      message: warnings.length > 0 ? `${messages[source]}, with warnings` : messages[source],
      metadata: {
        source,
        sha256: hash,
        bytes: String(Buffer.byteLength(content)),
        ...(comparison ? { compatibility: comparison.verdict, compared_with: comparison.against } : {}),
        ...(warnings.length > 0 ? { warnings: warnings.join("; ") } : {}),
      },
    };
  },
};

/** The configuration schema that the instance gives when it is called back, or the default one when it gives none. */
export function configurationSchema(artifactOf: (name: string) => string): SchemaSource {
  return {
    describes: true,
    async take({ attempt, ports, describe }, signal) {
      const given = withoutByteOrderMark((await describe(signal)).jsonConfigSchema ?? "");
      const synthesised = given.trim() === "";
      const content = synthesised ? synthesiseSchema(attempt.name) : given;
      const { warnings } = synthesised ? { warnings: [] } : await ports.checkSchema(content, signal);
      return {
        artifactId: artifactOf(attempt.name),
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
