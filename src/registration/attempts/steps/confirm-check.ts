import { unavailable } from "../../../kernel/errors.ts";
import { retrying } from "../../../kernel/retry.ts";
import type { RegistrationStep } from "../attempt-context.ts";

/** Reads the health checks of the trial back from the catalog. */
export const confirmCheck: RegistrationStep = {
  event: "HEALTH_CHECK_CONFIGURED",
  timeoutMs: 10_000,
  early: true,
  run: async ({ entry, ports }, signal) => {
    const checks = await retrying(ports.clock, signal, async () => {
      const found = await ports.catalog.trialChecks(entry.serviceId, entry.attemptId, signal);
      if (found.length === 0) throw unavailable("catalog", "it does not list the health check just registered");
      return found;
    });
    return {
      message: "health check is configured",
      metadata: {
        check_type: "grpc.health.v1",
        check_target: `${entry.check.address}:${entry.check.port}`,
        check_tls: String(entry.check.tls),
        checks: String(checks.length),
      },
    };
  },
};
