import { DomainError } from "../../kernel/errors.ts";
import { retrying } from "../../kernel/retry.ts";
import type { ModuleDescription } from "../types.ts";
import type { AttemptContext } from "./attempt-context.ts";

/** Calls this very instance back. Rejects when it is not who the request says, or reports itself unhealthy. */
export async function describeModule(
  { attempt, entry, ports }: Pick<AttemptContext, "attempt" | "entry" | "ports">,
  signal: AbortSignal,
): Promise<ModuleDescription> {
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
      message: `the module answers health_check_passed = false, which is also its value when it is not set: ${description.healthCheckMessage.slice(0, 256) || "no health_check_message"}`,
      metadata: { field: "health_check_passed" },
    });
  }
  return description;
}
