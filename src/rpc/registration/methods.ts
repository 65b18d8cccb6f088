/** Every RPC of registration's services: who may call it, how long it lives, what it does. */
import { PlatformRegistrationService } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { NameService } from "../../../gen/muster/registration/v1/name_service_pb.ts";
import { RegistrationService } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { cancelAttempt, getAttempt, listAttempts } from "./attempts.ts";
import { getModule, getService } from "./get.ts";
import { listHeld } from "./held.ts";
import { createInstancePages } from "./instances.ts";
import { createLists } from "./list.ts";
import { listNames, releaseName, shareArtifact, transferName, unshareArtifact } from "./names.ts";
import { resolveService } from "./resolve.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";
import { register } from "./register.ts";
import { compareSchemas, getSchemaVersion } from "./schema-versions.ts";
import { getConnectorSchema, getModuleSchema, getModuleSchemaVersions } from "./schemas.ts";
import { unregister } from "./unregister.ts";
import { updateTags } from "./update-tags.ts";
import { watchAttempt } from "./watch-attempt.ts";
import { watchInstances } from "./watch-instances.ts";
import { served, type Methods, type ServedService } from "../transport/served.ts";

export function registrationServices(deps: RegistrationHandlerDeps): readonly ServedService[] {
  return [
    // Compressing a list for each of many watchers costs more than sending it, and what is being compressed is kept meanwhile.
    served(PlatformRegistrationService, platformMethods(deps), { compressMinBytes: Number.MAX_SAFE_INTEGER }),
    served(RegistrationService, attemptMethods(deps), { compressMinBytes: Number.MAX_SAFE_INTEGER }),
    served(NameService, nameMethods(deps)),
  ];
}

const watch = { access: "viewer", life: "watch", onDrain: "end" } as const;

export function platformMethods(deps: RegistrationHandlerDeps): Methods<typeof PlatformRegistrationService> {
  const lists = createLists(deps);
  return {
    register: { access: "registrar", life: "watch", onDrain: "finish", call: (request, context) => register(deps, request, context) },
    unregister: { access: "registrar", call: (request, context) => unregister(deps, request, context) },
    updateTags: { access: ["registrar", "operator"], call: (request, context) => updateTags(deps, request, context) },
    listServices: { access: "viewer", call: (request, context) => lists.services(request, context) },
    listModules: { access: "viewer", call: (request, context) => lists.modules(request, context) },
    listPlatformModules: { access: "viewer", call: (request, context) => lists.platformModules(request, context) },
    getService: { access: "viewer", call: (request) => getService(deps, request) },
    getModule: { access: "viewer", call: (request) => getModule(deps, request) },
    resolveService: { access: "viewer", call: (request, context) => resolveService(deps, request, context) },
    watchServices: { ...watch, call: (request, context) => lists.watchServices(request, context) },
    watchModules: { ...watch, call: (request, context) => lists.watchModules(request, context) },
    getModuleSchema: { access: "viewer", call: (request, context) => getModuleSchema(deps, request, context) },
    getModuleSchemaVersions: { access: "viewer", call: (request, context) => getModuleSchemaVersions(deps, request, context) },
    getConnectorSchema: { access: "viewer", call: (request, context) => getConnectorSchema(deps, request, context) },
  };
}

export function attemptMethods(deps: RegistrationHandlerDeps): Methods<typeof RegistrationService> {
  const pages = createInstancePages(deps);
  return {
    getAttempt: { access: "viewer", call: (request) => getAttempt(deps, request) },
    listAttempts: { access: "viewer", call: (request) => listAttempts(deps, request) },
    watchAttempt: { ...watch, call: (request, context) => watchAttempt(deps, request, context) },
    cancelAttempt: { access: "registrar", call: (request, context) => cancelAttempt(deps, request, context) },
    compareSchemas: { access: "viewer", call: (request, context) => compareSchemas(deps, request, context) },
    getSchemaVersion: { access: "viewer", call: (request) => getSchemaVersion(deps, request) },
    watchInstances: { ...watch, call: (request, context) => watchInstances(deps, request, context) },
    listInstances: { access: "viewer", call: pages },
    listHeld: { access: "viewer", call: (request) => listHeld(deps, request) },
  };
}

export function nameMethods(deps: RegistrationHandlerDeps): Methods<typeof NameService> {
  return {
    listNames: { access: "admin", call: (request) => listNames(deps, request) },
    transferName: { access: "admin", call: (request, context) => transferName(deps, request, context) },
    releaseName: { access: "admin", call: (request, context) => releaseName(deps, request, context) },
    // Of the artifact's owner: the use case looks.
    shareArtifact: { access: "registrar", call: (request, context) => shareArtifact(deps, request, context) },
    unshareArtifact: { access: "registrar", call: (request, context) => unshareArtifact(deps, request, context) },
  };
}
