import type { RegistrationStep } from "../attempt-context.ts";

/** Calls this very instance back and makes sure that it is who the request says. */
export const retrieveMetadata: RegistrationStep = {
  event: "METADATA_RETRIEVED",
  timeoutMs: 15_000,
  early: true,
  run: async ({ attempt, work }, signal) => {
    const description = await work.describe(signal);
    return {
      message: `the ${attempt.type.toLowerCase()} described itself`,
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
