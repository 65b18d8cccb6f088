import { canonicalJson } from "../../../kernel/canonical-json.ts";
import { DomainError } from "../../../kernel/errors.ts";
import { forgetUnpublished, reserveSchemaVersion } from "../../schemas/schema-versions.ts";
import type { AttemptContext, AttemptWriter, CheckedSchema, RegistrationStep } from "../attempt-context.ts";
import type { ModuleDescription } from "../../types.ts";
import type { Registration, RegistrationTx } from "../../records.ts";

/** Saves the registration as PENDING, and its schema version. */
export const saveRegistration: RegistrationStep = {
  event: "DATABASE_SAVED",
  timeoutMs: 15_000,
  early: true,
  run: async (context, signal) => {
    await context.saved(signal);
    return { message: "registration saved", serviceId: context.attempt.serviceId };
  },
  undo: async ({ attempt, ports }) => {
    await ports.store.tx(async (tx) => {
      const pending = await tx.registrations.find(attempt.id);
      if (pending?.state !== "PENDING") return;
      if (pending.schema) await forgetUnpublished(tx, pending.schema, attempt.id);
      await tx.registrations.deletePending(attempt.id);
    });
  },
};

/** The work behind `AttemptContext.saved`. */
export async function savePending(
  context: Pick<AttemptContext, "attempt" | "ports"> & Pick<AttemptWriter, "alone">,
  schema: CheckedSchema,
  description: ModuleDescription | undefined,
): Promise<void> {
  await context.alone(async (tx) => {
    // There already when the answer of a first try was lost.
    if (await tx.registrations.find(context.attempt.id)) return;
    await reserveSchemaVersion(tx, context.attempt.name, schema, context.ports.clock.now());
    await tx.registrations.insert(registrationOf(context, { schema, description }));
  });
}

/** The PENDING registration of an attempt. */
export function registrationOf(
  { attempt, ports }: Pick<AttemptContext, "attempt" | "ports">,
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

/** Refuses to go on when the key was unregistered since the attempt began. Locks the key's row. */
export async function checkGeneration(tx: RegistrationTx, attempt: AttemptContext["attempt"]): Promise<void> {
  const row = await tx.instances.claim(attempt);
  if (row.generation === attempt.generation) return;
  throw new DomainError({
    kind: "wrong_state",
    reason: "SUPERSEDED",
    message: "the instance was unregistered while this attempt was running",
  });
}
