/**
 * The way through the server for everything that is not plain gRPC: all protocols of the RPC library, reflection, the HTTP
 * routes, and every refusal. `server.ts` loads it when it is first needed, or when there is time: the library's part for Node
 * is a good part of a start.
 */
import { createConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import type { HttpRequest, HttpResponse } from "./http-route.ts";
import type { Ids } from "../../kernel/ports.ts";
import { principalKey, type Gate } from "../platform/auth.ts";
import { callInterceptor, callKey, watchProtocolErrors } from "./call.ts";
import { createDispatcher, type DispatchOptions } from "./dispatch.ts";
import { toFailure } from "../platform/errors.ts";
import { addReflection } from "../platform/reflection.ts";
import type { ServedService } from "./served.ts";

export interface LongWayOptions extends Omit<DispatchOptions, "handlers"> {
  readonly services: readonly ServedService[];
  readonly gate: Gate;
  /** Ends every call. */
  readonly cut: AbortSignal;
}

/** The request listener of both HTTP versions. */
export function createLongWay(options: LongWayOptions): (request: HttpRequest, response: HttpResponse) => void {
  const { services, gate, ids, limits, cut } = options;
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    readMaxBytes: limits.messageBytes,
    shutdownSignal: cut,
    interceptors: [callInterceptor(ids)],
    requestGate: (context) => admit(context, gate, ids),
  });
  for (const service of services) service.addTo(router);
  addReflection(
    router,
    services.map(({ desc }) => desc),
    services.flatMap(({ payloads }) => payloads),
  );
  return createDispatcher({ ...options, handlers: router.handlers });
}

function admit(context: HandlerContext, gate: Gate, ids: Ids): void {
  const call = context.values.get(callKey);
  if (call) watchProtocolErrors(context, call);
  const { principal, refusal } = gate(context.method, context.requestHeader.get("authorization") ?? undefined);
  context.values.set(principalKey, principal);
  if (call) call.principal = principal.name || undefined;
  if (!refusal) return;
  const failure = toFailure(refusal, ids);
  if (call) call.failure = failure;
  throw failure.error;
}
