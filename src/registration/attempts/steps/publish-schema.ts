import { releaseLatePublication, releaseSchemaVersion } from "../../schemas/schema-versions.ts";
import type { RegistrationStep } from "../attempt-context.ts";

/** Puts this content under this version into the schema registry. */
export const publishSchema: RegistrationStep = {
  event: "APICURIO_REGISTERED",
  timeoutMs: 15_000,
  early: true,
  run: async ({ work }, signal) => {
    const { schema, created } = await work.publish(signal);
    return {
      message: created ? "schema registered" : "schema was already registered",
      metadata: { artifact_id: schema.artifactId, version: schema.version, created: String(created) },
      alongside: (tx) => tx.schemas.setState(schema.artifactId, schema.version, "ENABLED"),
    };
  },
  undo: async ({ attempt, ports, work }, signal) => {
    const pending = await ports.store.tx((tx) => tx.registrations.find(attempt.id));
    const attempted = work.attempted();
    // Without a row another owner has undone the attempt already, perhaps before this process published.
    if (!pending && attempted) await releaseLatePublication(ports, attempt.name, attempted, signal);
    if (pending?.state !== "PENDING" || pending.schema === undefined) return;
    await releaseSchemaVersion(ports, pending.schema, attempt.id, signal);
  },
};
