import { retrying } from "../../../kernel/retry.ts";
import { releaseLatePublication, releaseSchemaVersion } from "../../schemas/schema-versions.ts";
import type { AttemptContext, CheckedSchema, Published, RegistrationStep } from "../attempt-context.ts";

const timeoutMs = 15_000;

/** Puts this content under this version into the schema registry. */
export const publishSchema: RegistrationStep = {
  event: "APICURIO_REGISTERED",
  timeoutMs,
  early: true,
  run: async (context, signal) => {
    const { schema, created } = await context.published(signal);
    return {
      message: created ? "schema registered" : "schema was already registered",
      metadata: { artifact_id: schema.artifactId, version: schema.version, created: String(created) },
      alongside: (tx) => tx.schemas.setState(schema.artifactId, schema.version, "ENABLED"),
    };
  },
  undo: async ({ attempt, ports, attempted }, signal) => {
    const pending = await ports.store.tx((tx) => tx.registrations.find(attempt.id));
    // Without a row another owner has undone the attempt already, perhaps before this process published.
    if (!pending && attempted.schema) await releaseLatePublication(ports, attempt.name, attempted.schema, signal);
    if (pending?.state !== "PENDING" || pending.schema === undefined) return;
    await releaseSchemaVersion(ports, pending.schema, attempt.id, signal);
  },
};

/** The work behind `AttemptContext.published`: to be called when the record knows the version. */
export async function publish(
  { attempt, ports, attempted }: Pick<AttemptContext, "attempt" | "ports" | "attempted">,
  schema: CheckedSchema,
  signal: AbortSignal,
): Promise<Published> {
  signal.throwIfAborted();
  const { artifactId, version, kind, content } = schema;
  attempted.schema = schema;
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const { created } = await retrying(ports.clock, inTime, () => ports.schemas.put({ artifactId, version, kind, content }, attempt.id, inTime));
  return { schema, created };
}
