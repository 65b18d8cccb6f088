/** A Muster module in TypeScript: serves health and the callback, registers itself periodically, unregisters on SIGTERM. */
import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { enumToJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { PipeStepProcessorService } from "./gen/ai/pipestream/data/module/v1/module_service_pb.ts";
import { EventTypeSchema, PlatformRegistrationService, ServiceType } from "./gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.ts";

const { MODULE_NAME: name = "hello-typescript", MODULE_VERSION: version = "1.0.0", MODULE_HOST: host = "127.0.0.1", MODULE_PORT = "0" } = process.env;
const { MUSTER = "127.0.0.1:7430", TOKEN = "none", REGISTER_EVERY = "30" } = process.env;
const jsonConfigSchema = '{"type": "object", "properties": {"greeting": {"type": "string", "maxLength": 80}}}';

const stopping = new AbortController();
process.once("SIGTERM", () => stopping.abort());
process.once("SIGINT", () => stopping.abort());

const server = createServer(
  connectNodeAdapter({
    routes(router) {
      router.rpc(PipeStepProcessorService.method.getServiceRegistration, () => ({
        moduleName: name,
        version,
        jsonConfigSchema,
        healthCheckPassed: true,
      }));
      router.rpc(Health.method.check, () => ({ status: HealthCheckResponse_ServingStatus.SERVING }));
    },
  }),
);
server.listen(Number(MODULE_PORT), host);
await once(server, "listening");
const { port } = server.address() as AddressInfo;

const muster = createClient(PlatformRegistrationService, createGrpcTransport({ baseUrl: `http://${MUSTER}` }));
const options = { headers: { authorization: `Bearer ${TOKEN}` } };
const request = { name, type: ServiceType.MODULE, version, connectivity: { advertisedHost: host, advertisedPort: port } };
while (!stopping.signal.aborted) {
  // Registering again changes nothing, unless Muster has lost the registration.
  try {
    for await (const { event } of muster.register(request, options)) {
      console.log(enumToJson(EventTypeSchema, event?.eventType ?? 0), event?.message, event?.eventData.case === "errorDetail" ? event.eventData.value : "");
    }
  } catch (error) {
    console.log(String(error));
  }
  await pause(Number(REGISTER_EVERY) * 1000, undefined, { signal: stopping.signal }).catch(() => undefined);
}
const { message } = await muster.unregister({ name, host, port }, { ...options, timeoutMs: 5_000 });
console.log("UNREGISTERED", message);
process.exit(0);
