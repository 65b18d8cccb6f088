/** The table: what each service type goes through, in order. A type is one row. */
import { DomainError } from "../errors.ts";
import { awaitHealthy } from "./steps/await-healthy.ts";
import { commit } from "./steps/commit.ts";
import { confirmCheck } from "./steps/confirm-check.ts";
import { publishSchema } from "./steps/publish-schema.ts";
import { registerInCatalog } from "./steps/register-in-catalog.ts";
import { retrieveMetadata } from "./steps/retrieve-metadata.ts";
import { saveRegistration } from "./steps/save-registration.ts";
import { validateSchema } from "./steps/validate-schema.ts";
import { validated } from "./steps/validated.ts";
import type { RegistrationStep } from "./attempt-context.ts";
import type { ServiceType } from "./types.ts";

export const serviceTypes: Readonly<Partial<Record<ServiceType, readonly RegistrationStep[]>>> = {
  SERVICE: [validated, registerInCatalog, confirmCheck, awaitHealthy(), commit],
  MODULE: [
    validated,
    registerInCatalog,
    confirmCheck,
    awaitHealthy((context, signal) => context.published(signal)),
    retrieveMetadata,
    validateSchema,
    saveRegistration,
    publishSchema,
    commit,
  ],
};

/** The refusal for a type that has no row yet. */
export function unavailableHere(type: ServiceType): DomainError | undefined {
  if (serviceTypes[type]) return undefined;
  return new DomainError({ kind: "unimplemented", reason: "NOT_IMPLEMENTED", message: `registering a ${type} is not implemented` });
}
