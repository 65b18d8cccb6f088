/** Modules as their authors would write them: the health service and one callback. */
import { once } from "node:events";
import { createServer, type Http2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { PipeStepProcessorService } from "../../../gen/ai/pipestream/data/module/v1/module_service_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Serving } from "../../../gen/grpc/health/v1/health_pb.ts";

export interface DemoModule {
  readonly name: string;
  readonly version: string;
  /** JSON Schema of its configuration. */
  readonly schema: string;
  readonly isServing: boolean;
}

export interface RunningModule extends DemoModule, AsyncDisposable {
  /** `host:port` */
  readonly at: string;
}

/** Serves a module on a free port of `host`, until it is disposed of. */
export async function startModule(module: DemoModule, host: string): Promise<RunningModule> {
  const { name, version, schema, isServing } = module;
  const status = isServing ? Serving.SERVING : Serving.NOT_SERVING;
  const server = createServer(
    connectNodeAdapter({
      routes(router) {
        router.rpc(Health.method.check, () => ({ status }));
        router.rpc(PipeStepProcessorService.method.getServiceRegistration, () => ({
          moduleName: name,
          version,
          jsonConfigSchema: schema,
          healthCheckPassed: true,
        }));
      },
    }),
  );
  const sessions = new Set<Http2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    ...module,
    at: `${host.includes(":") ? `[${host}]` : host}:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const session of sessions) session.destroy();
    },
  };
}
