/** Muster as a separate process, called by a stock gRPC client over one connection. */
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import {
  EventType,
  PlatformRegistrationService,
  RegistrationOutcome,
  ServiceType,
  type RegistrationEvent,
} from "../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect, type Registration } from "../test/support/client.ts";
import { inFlight } from "../test/support/in-flight.ts";
import type { Sample, ServingModule, Side } from "./sides.ts";

export interface MusterSide extends Side {
  /** Registers one module, with any outcome. */
  attempt(module: ServingModule, startupGraceMs?: number): Promise<{ readonly registration: Registration; readonly ms: number }>;
}

export function registerRequest({ name, version, host, port }: ServingModule) {
  return { name, version, type: ServiceType.MODULE, connectivity: { advertisedHost: host, advertisedPort: port }, metadata: { team: "bench" } };
}

/** `address`: `host:port` of a running server. */
export function musterSide(address: string): MusterSide {
  const client = connect(address);

  const attempt: MusterSide["attempt"] = async (module, startupGraceMs) => {
    const startedAt = performance.now();
    const registration = await client.register({
      ...registerRequest(module),
      ...(startupGraceMs === undefined ? {} : { startupGrace: { seconds: BigInt(Math.floor(startupGraceMs / 1_000)) } }),
    });
    return { registration, ms: performance.now() - startedAt };
  };

  async function registered(module: ServingModule, outcome: RegistrationOutcome): Promise<{ readonly registration: Registration; readonly ms: number }> {
    const made = await attempt(module);
    const last = made.registration.events.at(-1);
    if (last?.eventType === EventType.COMPLETED && last.outcome === outcome) return made;
    throw new Error(`${module.name}: ${made.registration.errorDetail || made.registration.status.message || `ended otherwise: ${last?.outcome}`}`);
  }

  return {
    attempt,
    register: (modules, limit) =>
      inFlight(modules, limit, async (module): Promise<Sample> => {
        const { registration, ms } = await registered(module, RegistrationOutcome.ACTIVE);
        const at = (type: EventType) => msOf(registration.events.find(({ eventType }) => eventType === type));
        return { totalMs: ms, waitMs: at(EventType.CONSUL_HEALTHY) - at(EventType.CONSUL_REGISTERED) };
      }),
    async repeat(module, times) {
      const took: number[] = [];
      while (took.length < times) took.push((await registered(module, RegistrationOutcome.UNCHANGED)).ms);
      return took;
    },
    async remove(modules) {
      const unregister = ({ name, host, port }: ServingModule) => client.unary(PlatformRegistrationService.method.unregister, { name, host, port });
      // Safe to repeat; on a busy machine the first try may time out.
      await inFlight(modules, 16, (module) => unregister(module).catch(() => unregister(module)));
    },
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
    },
  };
}

function msOf(event: RegistrationEvent | undefined): number {
  return event?.timestamp ? timestampMs(event.timestamp satisfies Timestamp) : Number.NaN;
}
