/**
 * One caller that takes all it can, for `items/shares.ts`: `node attacker.ts KIND ADDRESS TOKEN COUNT`. Keeps COUNT calls open until it
 * is killed; after a refusal a lane pauses as the server asks for, about five seconds.
 */
import { setTimeout as pause } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { PlatformRegistrationService, ServiceType } from "../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService } from "../gen/muster/registration/v1/registration_service_pb.ts";
import { connect } from "../test/support/client.ts";
import { startFakeModule } from "../test/support/fake-module.ts";

const [kind = "", address = "", token = "", count = "0"] = process.argv.slice(2);
const lanes = Number(count);
/** A server takes 1 000 calls of a connection. */
const clients = Array.from({ length: Math.ceil(lanes / 500) }, () => connect(address, { token }));
const clientOf = (lane: number) => clients[lane % clients.length]!;
let made = 0;

/** Takes a second to compile, and is new every time. */
function slowSchema(): string {
  return JSON.stringify({ title: `${(made += 1)}`, anyOf: Array.from({ length: 3_000 }, (_, index) => ({ pattern: `(\\pL|\\pN){900}x${index}` })) });
}

const minutes = { seconds: 120n };

const attacks: Readonly<Record<string, (lane: number) => Promise<unknown>>> = {
  /** Registers what is not there, and has it waited for. */
  closed: (lane) =>
    clientOf(lane).register({
      name: `closed-${lane}`,
      version: "1.0.0",
      type: ServiceType.SERVICE,
      connectivity: { advertisedHost: "127.0.0.1", advertisedPort: 1 + (lane % 1_000) },
      startupGrace: minutes,
      healthTimeout: minutes,
    }),
  compare: (lane) =>
    clientOf(lane).unary(RegistrationService.method.compareSchemas, {
      subject: { case: "inline", value: { formerJson: slowSchema(), nextJson: slowSchema() } },
    }),
  async schemas(lane) {
    const name = `slow-${lane}-${(made += 1)}`;
    await using module = await startFakeModule({ name, version: "1.0.0", schema: slowSchema() });
    return clientOf(lane).register({
      name,
      version: "1.0.0",
      type: ServiceType.MODULE,
      connectivity: { advertisedHost: module.host, advertisedPort: module.port },
    });
  },
  silent: (lane) =>
    clientOf(lane).register({
      name: `silent-${lane}`,
      version: "1.0.0",
      type: ServiceType.SERVICE,
      connectivity: { advertisedHost: `silent-${lane}-${(made += 1)}.example`, advertisedPort: 9_000 },
    }),
  watch: (lane) => clientOf(lane).stream(PlatformRegistrationService.method.watchServices, {}),
};

/** Of what a stream ended with, or a call was rejected with. */
function isExhausted(ended: unknown): boolean {
  return (ended as { readonly status?: { readonly code?: number } }).status?.code === status.RESOURCE_EXHAUSTED;
}

await Promise.all(
  Array.from({ length: lanes }, async (_, lane) => {
    for (;;) {
      const isRefused = await attacks[kind]!(lane).then(
        (ended) => isExhausted(ended),
        (error: unknown) => isExhausted(error),
      );
      if (isRefused) await pause(4_000 + Math.random() * 2_000);
    }
  }),
);
