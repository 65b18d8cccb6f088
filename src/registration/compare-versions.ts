import type { Store } from "../ports.ts";
import type { CheckedSchema } from "./attempt-context.ts";

/** The schema with what is known of how it differs from the latest version before it. */
export async function compared(store: Store, schema: Omit<CheckedSchema, "comparison">): Promise<CheckedSchema> {
  const known = await store.tx((tx) => tx.schemas.find(schema.artifactId, schema.version));
  return { ...schema, comparison: known?.comparison };
}
