import type { Registration } from "../src/registration/records.ts";
import { serviceIdOf } from "../src/registration/service-id.ts";

/** An active registration of a service, to be written into a record directly. `index` makes its id and orders it. */
export function activeRegistration(index: number, { name, host, port }: Pick<Registration, "name" | "host" | "port">): Registration {
  return {
    id: `bench-${String(index).padStart(8, "0")}`,
    serviceId: serviceIdOf(name, host, port),
    name,
    host,
    port,
    type: "SERVICE",
    version: "1.0.0",
    state: "ACTIVE",
    request: {
      name,
      type: "SERVICE",
      connectivity: { advertisedHost: host, advertisedPort: port, tlsEnabled: false },
      version: "1.0.0",
      metadata: { team: "bench", zone: "a" },
      tags: ["blue", "canary"],
      capabilities: ["PARSER"],
      httpEndpoints: [],
      grpcServices: [],
      validateOnly: false,
      waitForApproval: false,
      healthTimeoutMs: 60_000,
      startupGraceMs: 0,
    },
    requestHash: "",
    address: host,
    schema: undefined,
    description: undefined,
    actor: "bench",
    registeredAt: 1,
    updatedAt: 1,
  };
}
