import { DomainError } from "../../errors.ts";
import { canonicalJson } from "../service-id.ts";
import { forgetUnpublished, reserveSchemaVersion } from "../schema-versions.ts";
import type { AttemptContext, CheckedSchema, RegistrationStep } from "../attempt-context.ts";
import type { ModuleDescription } from "../types.ts";
import type { Registration, Tx } from "../records.ts";

/** Saves the module's registration as PENDING, and its schema version, in the transaction of the event. */
export const saveRegistration: RegistrationStep = {
  event: "DATABASE_SAVED",
  timeoutMs: 15_000,
  early: true,
  run: async (context, signal) => {
    const description = await context.describe(signal);
    const schema = await context.schema(signal);
    return {
      message: "registration saved",
      serviceId: context.attempt.serviceId,
      alongside: async (tx: Tx) => {
        await reserveSchemaVersion(tx, context.attempt.name, schema, context.ports.clock.now());
        await tx.registrations.insert(registrationOf(context, { schema, description }));
      },
    };
  },
  undo: async ({ attempt, ports }) => {
    await ports.store.tx(async (tx) => {
      const pending = await tx.registrations.find(attempt.id);
      if (pending?.state !== "PENDING") return;
      if (pending.schemaArtifactId !== undefined) await forgetUnpublished(tx, pending.schemaArtifactId, pending.version, attempt.id);
      await tx.registrations.deletePending(attempt.id);
    });
  },
};

/** The PENDING registration of an attempt. */
export function registrationOf(
  { attempt, ports }: Pick<AttemptContext, "attempt" | "ports">,
  module?: { readonly schema: CheckedSchema; readonly description: ModuleDescription },
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
    schemaArtifactId: module?.schema.artifactId,
    description: module && canonicalJson({ ...module.description, jsonConfigSchema: undefined }),
    actor: attempt.actor,
    registeredAt: now,
    updatedAt: now,
  };
}

/** Refuses to go on when the key was unregistered since the attempt began. Locks the key's row. */
export async function checkGeneration(tx: Tx, attempt: AttemptContext["attempt"]): Promise<void> {
  const row = await tx.instances.claim(attempt);
  if (row.generation === attempt.generation) return;
  throw new DomainError({
    kind: "wrong_state",
    reason: "SUPERSEDED",
    message: "the instance was unregistered while this attempt was running",
  });
}
