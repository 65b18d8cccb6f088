/**
 * How a version differs from the one before it (`version-order.ts`) among the ENABLED ones, at the time it is first saved.
 * What was found then is kept with the version and shown from then on, also when the same content is registered again.
 */
import { toDomainError } from "../../kernel/errors.ts";
import type { CheckedSchema, RegistrationPorts } from "../attempts/attempt-context.ts";
import { notCompared } from "./bounded-comparison.ts";
import { predecessorOf } from "./version-order.ts";

/** The schema with its comparison; none for the first version, for OpenAPI documents, and where the version is known without one. */
export async function compared(
  { store, compareSchemas }: Pick<RegistrationPorts, "store" | "compareSchemas">,
  schema: Omit<CheckedSchema, "comparison">,
  share: string,
  signal: AbortSignal,
): Promise<CheckedSchema> {
  if (schema.kind !== "JSON") return { ...schema, comparison: undefined };
  const { artifactId, version } = schema;
  const [known, former] = await store.tx(async (tx) => {
    const found = await tx.schemas.find(artifactId, version);
    const before = found ? undefined : predecessorOf(version, await tx.schemas.enabled(artifactId));
    return [found, before === undefined ? undefined : await tx.schemas.find(artifactId, before)];
  });
  if (!former) return { ...schema, comparison: known?.comparison };
  const comparison = await compareSchemas(former.content, schema.content, share, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    // A registration does not fail for want of it.
    return notCompared(toDomainError(error).message);
  });
  return { ...schema, comparison: { ...comparison, against: former.version } };
}
