import { canonicalJson } from "../../kernel/canonical-json.ts";
import type { Registration, RegistrationTx } from "../records.ts";
import { reserveSchemaVersion } from "../schemas/schema-versions.ts";
import type { ModuleDescription } from "../types.ts";
import type { AttemptContext, CheckedSchema } from "./attempt-context.ts";

type About = Pick<AttemptContext, "attempt" | "ports">;

/** Saves the registration as PENDING and reserves its schema version; may be repeated. */
export async function savePending(tx: RegistrationTx, about: About, schema: CheckedSchema, description: ModuleDescription | undefined): Promise<void> {
  // There already when the answer of a first try was lost.
  if (await tx.registrations.find(about.attempt.id)) return;
  await reserveSchemaVersion(tx, about.attempt.name, schema, about.ports.clock.now());
  await tx.registrations.insert(registrationOf(about, { schema, description }));
}

/** The PENDING registration of an attempt. */
export function registrationOf(
  { attempt, ports }: About,
  given: { readonly schema?: CheckedSchema; readonly description?: ModuleDescription | undefined } = {},
): Registration {
  const now = ports.clock.now();
  return {
    id: attempt.id,
    serviceId: attempt.serviceId,
    name: attempt.name,
    host: attempt.host,
    port: attempt.port,
    type: attempt.type,
    version: attempt.version,
    state: "PENDING",
    request: attempt.request,
    requestHash: attempt.requestHash,
    address: attempt.address,
    schema: given.schema && { artifactId: given.schema.artifactId, version: given.schema.version },
    description: given.description && canonicalJson({ ...given.description, jsonConfigSchema: undefined }),
    actor: attempt.actor,
    registeredAt: now,
    updatedAt: now,
  };
}
