import type { Role } from "../../kernel/caller.ts";

const registration = "ai.pipestream.platform.registration.v1.PlatformRegistrationService";
const attempts = "muster.registration.v1.RegistrationService";

/** One role, any of several, or nobody asks. */
export type AccessRule = Role | readonly Role[] | "public";

/** Who may call what, by `package.Service/Method`. A method that is not here is denied to everybody; a test finds it. */
export const accessRules: Readonly<Record<string, AccessRule>> = {
  [`${registration}/Register`]: "registrar",
  [`${registration}/Unregister`]: "registrar",
  [`${registration}/UpdateTags`]: ["registrar", "operator"],
  [`${registration}/ListServices`]: "viewer",
  [`${registration}/ListModules`]: "viewer",
  [`${registration}/ListPlatformModules`]: "viewer",
  [`${registration}/GetService`]: "viewer",
  [`${registration}/GetModule`]: "viewer",
  [`${registration}/ResolveService`]: "viewer",
  [`${registration}/WatchServices`]: "viewer",
  [`${registration}/WatchModules`]: "viewer",
  [`${registration}/GetModuleSchema`]: "viewer",
  [`${registration}/GetModuleSchemaVersions`]: "viewer",
  [`${registration}/GetConnectorSchema`]: "viewer",
  [`${attempts}/GetAttempt`]: "viewer",
  [`${attempts}/ListAttempts`]: "viewer",
  [`${attempts}/WatchAttempt`]: "viewer",
  [`${attempts}/CancelAttempt`]: "registrar",
  [`${attempts}/CompareSchemas`]: "viewer",
  [`${attempts}/GetSchemaVersion`]: "viewer",
  "muster.event.v1.EventService/ListEvents": "viewer",
  "muster.event.v1.EventService/WatchEvents": "viewer",
  // Load balancers and catalogs ask without a token.
  "grpc.health.v1.Health/Check": "public",
  "grpc.health.v1.Health/List": "public",
  "grpc.health.v1.Health/Watch": "public",
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "viewer",
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "viewer",
};
