/** Converts the answer to the callback to the domain's types, and its failures to DomainErrors. */
import { fromBinary } from "@bufbuild/protobuf";
import {
  CapabilityType,
  type GetServiceRegistrationResponse,
  GetServiceRegistrationResponseSchema,
} from "../../../gen/ai/pipestream/data/module/v1/module_service_pb.ts";
import { DomainError, type DomainErrorInit } from "../../kernel/errors.ts";
import type { Endpoint, ModuleDescription } from "../../registration/types.ts";
import type { Outcome } from "./outcome.ts";
import { statusName } from "../../kernel/status-name.ts";

const capabilityNames: ReadonlyMap<number, string> = new Map([
  [CapabilityType.PARSER, "PARSER"],
  [CapabilityType.SINK, "SINK"],
]);

/** Decodes an answer; throws CALLBACK_FAILED when it is invalid. */
export function descriptionOf(message: Uint8Array, endpoint: Endpoint): ModuleDescription {
  let response: GetServiceRegistrationResponse;
  try {
    response = fromBinary(GetServiceRegistrationResponseSchema, message);
  } catch (error) {
    throw callbackError({ type: "malformed", detail: "the answer cannot be decoded" }, endpoint, error);
  }
  const { moduleName, version, jsonConfigSchema, displayName, description, owner, documentationUrl } = response;
  const { tags, healthCheckPassed, healthCheckMessage, serverInfo, sdkVersion, dependencies, metadata, capabilities } = response;
  return {
    moduleName,
    version,
    ...(jsonConfigSchema === undefined ? {} : { jsonConfigSchema }),
    ...(displayName === undefined ? {} : { displayName }),
    ...(description === undefined ? {} : { description }),
    ...(owner === undefined ? {} : { owner }),
    ...(documentationUrl === undefined ? {} : { documentationUrl }),
    tags,
    healthCheckPassed,
    healthCheckMessage,
    serverInfo,
    sdkVersion,
    dependencies,
    metadata,
    capabilities: (capabilities?.types ?? []).flatMap((type) => capabilityNames.get(type) ?? []),
  };
}

/** Why there is no description. Kind `unavailable` where the same call may succeed in a moment. */
export function callbackError(outcome: Exclude<Outcome, { type: "answer" }>, endpoint: Endpoint, cause?: unknown): DomainError {
  const metadata = { host: endpoint.serverName, port: String(endpoint.port) };
  const failure = (init: Pick<DomainErrorInit, "kind" | "reason">, detail: string, more: Readonly<Record<string, string>> = {}) =>
    new DomainError({ ...init, message: `the module's description could not be fetched: ${detail}`, metadata: { ...metadata, ...more }, cause });
  if (outcome.type === "status") {
    const name = statusName(outcome.code);
    const detail = `it answers ${name}${outcome.text ? `: ${outcome.text}` : ""}`;
    if (name === "UNIMPLEMENTED") return failure({ kind: "wrong_state", reason: "CALLBACK_UNIMPLEMENTED" }, detail, { grpc_status: name });
    if (name === "DEADLINE_EXCEEDED") return failure({ kind: "timeout", reason: "CALLBACK_TIMEOUT" }, detail, { grpc_status: name });
    return failure({ kind: name === "UNAVAILABLE" ? "unavailable" : "wrong_state", reason: "CALLBACK_FAILED" }, detail, { grpc_status: name });
  }
  switch (outcome.type) {
    case "timeout":
      return failure({ kind: "timeout", reason: "CALLBACK_TIMEOUT" }, outcome.detail);
    case "too_large":
      return failure({ kind: "wrong_state", reason: "CALLBACK_TOO_LARGE" }, outcome.detail);
    case "refused":
    case "unreachable":
      return failure({ kind: "unavailable", reason: "CALLBACK_FAILED" }, outcome.detail);
    default:
      return failure({ kind: "wrong_state", reason: "CALLBACK_FAILED" }, outcome.detail);
  }
}
