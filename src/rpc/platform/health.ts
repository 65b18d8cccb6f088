import { HealthCheckResponse_ServingStatus as Status, type Health } from "../../../gen/grpc/health/v1/health_pb.ts";
import { DomainError } from "../../kernel/errors.ts";
import { wokenOrAborted } from "../../kernel/or-aborted.ts";
import type { Methods } from "../transport/served.ts";
import { shuttingDown } from "./errors.ts";

export interface HealthService {
  readonly methods: Methods<typeof Health>;
  /** The status of "" and of every service. Watchers get it immediately. */
  setServing(serving: boolean): void;
  /** NOT_SERVING permanently; watchers get that, then their calls end with UNAVAILABLE. */
  end(): void;
}

/** `grpc.health.v1.Health` for the whole server (the name "") and for each of `services`; SERVING from the start. */
export function createHealthService(services: readonly string[]): HealthService {
  const known = new Set(["", ...services]);
  const watchers = new Set<() => void>();
  let serving = true;
  let ended = false;

  const status = () => (serving && !ended ? Status.SERVING : Status.NOT_SERVING);
  const wakeWatchers = () => {
    for (const wake of watchers) wake();
  };

  return {
    // Load balancers and catalogs call without a token.
    methods: {
      check: {
        access: "public",
        evenWhenFull: true,
        call({ service }) {
          if (!known.has(service)) {
            throw new DomainError({
              kind: "not_found",
              reason: "REGISTRATION_NOT_FOUND",
              message: "this server has no such service",
              subject: { type: "service", name: service },
              metadata: { service },
            });
          }
          return { status: status() };
        },
      },
      list: {
        access: "public",
        call: () => ({ statuses: Object.fromEntries([...known].map((name) => [name, { status: status() }])) }),
      },
      watch: {
        access: "public",
        life: "watch",
        // It ends itself, after it has sent NOT_SERVING.
        onDrain: "finish",
        async *call({ service }, context) {
          let sent: Status | undefined;
          while (!context.signal.aborted) {
            const now = known.has(service) ? status() : Status.SERVICE_UNKNOWN;
            if (now !== sent) {
              sent = now;
              yield { status: now };
              continue;
            }
            if (ended) throw shuttingDown();
            await wokenOrAborted(watchers, context.signal);
          }
          throw context.signal.reason;
        },
      },
    },
    setServing(next) {
      serving = next;
      wakeWatchers();
    },
    end() {
      ended = true;
      wakeWatchers();
    },
  };
}
