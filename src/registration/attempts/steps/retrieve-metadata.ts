import { DomainError } from "../../../kernel/errors.ts";
import { retrying } from "../../../kernel/retry.ts";
import type { AttemptContext, RegistrationStep } from "../attempt-context.ts";
import type { ModuleDescription } from "../../types.ts";

/** Calls this very instance back and makes sure that it is who the request says. */
export const retrieveMetadata: RegistrationStep = {
  event: "METADATA_RETRIEVED",
  timeoutMs: 15_000,
  early: true,
  run: async (context, signal) => {
    const description = await context.describe(signal);
    return {
      message: `the ${context.attempt.type.toLowerCase()} described itself`,
      metadata: {
        module_name: description.moduleName,
        version: description.version,
        schema: description.jsonConfigSchema === undefined ? "none" : "given",
        ...(description.serverInfo ? { server_info: description.serverInfo } : {}),
        ...(description.sdkVersion ? { sdk_version: description.sdkVersion } : {}),
        ...(description.capabilities.length > 0 ? { capabilities: description.capabilities.join(",") } : {}),
      },
    };
  },
};

/** The callback behind `AttemptContext.describe`. */
export async function describeModule(context: Pick<AttemptContext, "attempt" | "entry" | "ports">, signal: AbortSignal): Promise<ModuleDescription> {
  const { attempt, entry, ports } = context;
  const description = await retrying(ports.clock, signal, () => ports.module.describe(entry.check, signal));
  for (const [what, got, expected] of [
    ["name", description.moduleName, attempt.name],
    ["version", description.version, attempt.version],
  ] as const) {
    if (got === expected) continue;
    throw new DomainError({
      kind: "wrong_state",
      reason: "CALLBACK_IDENTITY_MISMATCH",
      message: `the module says its ${what} is ${JSON.stringify(got.slice(0, 128))}, the request says ${JSON.stringify(expected)}`,
      metadata: { field: what },
    });
  }
  if (!description.healthCheckPassed) {
    throw new DomainError({
      kind: "wrong_state",
      reason: "CALLBACK_REPORTED_UNHEALTHY",
      message: `the module reports that its own health check failed: ${description.healthCheckMessage.slice(0, 256) || "no message"}`,
    });
  }
  return description;
}
