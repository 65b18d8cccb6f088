import { retrying } from "../../retry.ts";
import { releaseLatePublication, releaseSchemaVersion } from "../schema-versions.ts";
import type { RegistrationStep } from "../attempt-context.ts";

/** Puts this content under this version into the schema registry. */
export const publishSchema: RegistrationStep = {
  event: "APICURIO_REGISTERED",
  timeoutMs: 15_000,
  run: async (context, signal) => {
    const { ports, attempt } = context;
    const schema = await context.schema(signal);
    const document = { artifactId: schema.artifactId, version: schema.version, kind: "JSON", content: schema.content } as const;
    context.published.schema = schema;
    const { created } = await retrying(ports.clock, signal, () => ports.schemas.put(document, attempt.id, signal));
    return {
      message: created ? "schema registered" : "schema was already registered",
      metadata: { artifact_id: schema.artifactId, version: schema.version, created: String(created) },
      alongside: (tx) => tx.schemas.setState(schema.artifactId, schema.version, "ENABLED"),
    };
  },
  undo: async ({ attempt, ports, published }, signal) => {
    const pending = await ports.store.tx((tx) => tx.registrations.find(attempt.id));
    // Without a row another owner has undone the attempt already, perhaps before this process published.
    if (!pending && published.schema) await releaseLatePublication(ports, attempt.name, published.schema, signal);
    if (pending?.state !== "PENDING" || pending.schemaArtifactId === undefined) return;
    await releaseSchemaVersion(ports, pending.schemaArtifactId, pending.version, attempt.id, signal);
  },
};
