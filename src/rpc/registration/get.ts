import { invalidFields } from "../../kernel/errors.ts";
import type {
  GetModuleRequest,
  GetModuleResponse,
  GetServiceRequest,
  GetServiceResponse,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { checkLookup } from "../../registration/validate.ts";
import { moduleOf, serviceOf } from "./convert-discovery.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";

/** Any instance, whatever its type: by its id, or one of a name. */
export function getService({ discovery }: RegistrationHandlerDeps, { lookupKey }: GetServiceRequest): GetServiceResponse {
  const found = discovery.get(lookupOf(lookupKey.case, lookupKey.value, "service_name"));
  return serviceOf(found, discovery.lastChecked(found));
}

/** A module instance: by its id, or one of a name. */
export function getModule({ discovery }: RegistrationHandlerDeps, { lookupKey }: GetModuleRequest): GetModuleResponse {
  const found = discovery.get(lookupOf(lookupKey.case, lookupKey.value, "module_name"), "module");
  return moduleOf(found, discovery.lastChecked(found));
}

function lookupOf(kind: string | undefined, value: string | undefined, nameField: string): { readonly serviceId: string } | { readonly name: string } {
  if (kind === undefined || value === undefined) throw invalidFields([{ field: "lookup_key", description: `is required: ${nameField} or service_id` }]);
  if (kind === "serviceId") {
    checkLookup("service_id", value);
    return { serviceId: value };
  }
  checkLookup(nameField, value);
  return { name: value };
}
