/** Every RPC of every service of registration, by name: one that is missing does not compile. */
import type { ServiceImpl } from "@connectrpc/connect";
import { PlatformRegistrationService } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { cancelAttempt, getAttempt, listAttempts } from "./attempts.ts";
import { getModule, getService } from "./get.ts";
import { createLists } from "./list.ts";
import { resolveService } from "./resolve.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";
import { register } from "./register.ts";
import { compareSchemas, getSchemaVersion } from "./schema-versions.ts";
import { getConnectorSchema, getModuleSchema, getModuleSchemaVersions } from "./schemas.ts";
import { unregister } from "./unregister.ts";
import { updateTags } from "./update-tags.ts";
import { watchAttempt } from "./watch-attempt.ts";
import { served, type ServedService } from "../transport/served.ts";

/** Our services, for health and reflection. */
export const services = [PlatformRegistrationService, RegistrationService] as const;

export function registrationServices(deps: RegistrationHandlerDeps): readonly ServedService[] {
  const lists = createLists(deps);
  const platform: ServiceImpl<typeof PlatformRegistrationService> = {
    register: (request, context) => register(deps, request, context),
    unregister: (request, context) => unregister(deps, request, context),
    listServices: (_request, context) => lists.services(context),
    listModules: (_request, context) => lists.modules(context),
    listPlatformModules: (_request, context) => lists.platformModules(context),
    getService: (request) => getService(deps, request),
    getModule: (request) => getModule(deps, request),
    resolveService: (request, context) => resolveService(deps, request, context),
    watchServices: (_request, context) => lists.watchServices(context),
    watchModules: (_request, context) => lists.watchModules(context),
    getModuleSchema: (request, context) => getModuleSchema(deps, request, context),
    getModuleSchemaVersions: (request, context) => getModuleSchemaVersions(deps, request, context),
    getConnectorSchema: (request, context) => getConnectorSchema(deps, request, context),
    updateTags: (request, context) => updateTags(deps, request, context),
  };
  const attempts: ServiceImpl<typeof RegistrationService> = {
    getAttempt: (request) => getAttempt(deps, request),
    listAttempts: (request) => listAttempts(deps, request),
    watchAttempt: (request, context) => watchAttempt(deps, request, context),
    cancelAttempt: (request, context) => cancelAttempt(deps, request, context),
    compareSchemas: (request, context) => compareSchemas(deps, request, context),
    getSchemaVersion: (request) => getSchemaVersion(deps, request),
  };
  return [
    // Packing a list for each of many watchers costs more than sending it.
    served(PlatformRegistrationService, platform, { compressMinBytes: Number.MAX_SAFE_INTEGER }),
    served(RegistrationService, attempts),
  ];
}
