import type { CheckedSchema, RegistrationStep } from "../attempt-context.ts";

const messages: Readonly<Record<CheckedSchema["source"], string>> = {
  module: "the schema is valid",
  synthesised: "the module gave no schema: a default one was made",
  request: "the OpenAPI document of the request is valid",
  fetched: "the OpenAPI document was fetched and is valid",
};

/** Takes and checks the schema that the registration stands on, and reports how it differs from the version before. */
export const validateSchema: RegistrationStep = {
  event: "SCHEMA_VALIDATED",
  timeoutMs: 20_000,
  early: true,
  run: async ({ work }, signal) => {
    const { source, sha256, content, comparison } = await work.schema(signal);
    return {
      message: messages[source],
      metadata: {
        source,
        sha256,
        bytes: String(Buffer.byteLength(content)),
        ...(comparison ? { compatibility: comparison.verdict, compared_with: comparison.against } : {}),
      },
    };
  },
};
