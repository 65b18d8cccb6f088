/** The table: what each service type goes through, in order, and where its schema comes from. A type is one row. */
import { givesOpenApi } from "../schemas/http-schema.ts";
import { connectorArtifact, moduleArtifact } from "../schemas/schema-artifacts.ts";
import { configurationSchema, openApiDocument } from "./schema-sources.ts";
import { awaitHealthy } from "./steps/await-healthy.ts";
import { commit } from "./steps/commit.ts";
import { confirmCheck } from "./steps/confirm-check.ts";
import { publishSchema } from "./steps/publish-schema.ts";
import { registerInCatalog } from "./steps/register-in-catalog.ts";
import { retrieveMetadata } from "./steps/retrieve-metadata.ts";
import { saveRegistration } from "./steps/save-registration.ts";
import { validateSchema } from "./steps/validate-schema.ts";
import { validated } from "./steps/validated.ts";
import type { RegistrationStep, SchemaSource } from "./attempt-context.ts";
import type { Attempt } from "../records.ts";
import type { ServiceType } from "../types.ts";

export interface TypeRow {
  readonly steps: readonly RegistrationStep[];
  readonly schema: SchemaSource;
}

const onTrial: readonly RegistrationStep[] = [validated, registerInCatalog, confirmCheck];
const schemaSteps: readonly RegistrationStep[] = [validateSchema, saveRegistration, publishSchema];

/** The steps of an instance that is called back and has a configuration schema. */
const described: readonly RegistrationStep[] = [
  ...onTrial,
  awaitHealthy((context, signal) => context.work.publish(signal)),
  retrieveMetadata,
  ...schemaSteps,
  commit,
];

export const serviceTypes: Readonly<Record<ServiceType, TypeRow>> = {
  SERVICE: {
    steps: [
      ...onTrial,
      awaitHealthy(async (context, signal) => givesOpenApi(context.attempt.request) && context.work.publish(signal)),
      ...schemaSteps.map((step) => ({ ...step, appliesTo: givesOpenApi })),
      commit,
    ],
    schema: openApiDocument,
  },
  MODULE: { steps: described, schema: configurationSchema(moduleArtifact) },
  CONNECTOR: { steps: described, schema: configurationSchema(connectorArtifact) },
};

/** The steps that an attempt takes; the same whenever it is asked. */
export function stepsOf({ type, request }: Pick<Attempt, "type" | "request">): readonly RegistrationStep[] {
  return serviceTypes[type].steps.filter(({ appliesTo }) => appliesTo?.(request) ?? true);
}
