/**
 * The code path for everything that is not plain gRPC: all protocols of the RPC library, reflection, the HTTP
 * routes, and every refusal. `server.ts` loads it at the first such request, or after the start: loading the library's Node part
 * takes a large share of a start.
 */
import { createConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import type { HttpRequest, HttpResponse } from "./send-answer.ts";
import { orAborted } from "../../kernel/or-aborted.ts";
import type { Ids } from "../../kernel/ports.ts";
import { principalKey, type Admission, type Gate } from "../platform/auth.ts";
import { callInterceptor, callKey, watchProtocolErrors } from "./call.ts";
import { createDispatcher, type DispatchOptions } from "./dispatch.ts";
import { toFailure } from "../platform/errors.ts";
import { reflectionServices } from "../platform/reflection.ts";
import type { ServedService } from "./served.ts";

export interface LongWayOptions extends Omit<DispatchOptions, "rpcs"> {
  readonly services: readonly ServedService[];
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
  const descs = services.map(({ desc }) => desc);
  const payloads = services.flatMap((service) => service.payloads);
  const all = [...services, ...reflectionServices(descs, payloads)];
  for (const service of all) service.addTo(router);
  const methods = new Map(all.flatMap((service) => service.methods.map((method) => [method.desc, method])));
  const rpcs = router.handlers.map((handler) => ({ handler, method: methods.get(handler.method)! }));
  return createDispatcher({ ...options, rpcs });
}

/** Runs before the message is read. Throws, or rejects, with the failure of a call that is not admitted. */
async function admit(context: HandlerContext, gate: Gate, ids: Ids): Promise<void> {
  const call = context.values.get(callKey);
  if (!call) throw new Error("a call reached its handler without being dispatched");
  watchProtocolErrors(context, call);
  try {
    const given = gate(call.target, context.requestHeader.get("authorization") ?? undefined);
    const { principal, refusal }: Admission = given instanceof Promise ? await orAborted(given, context.signal) : given;
    context.values.set(principalKey, principal);
    call.principal = principal.name || undefined;
    if (refusal) throw refusal;
  } catch (error) {
    call.failure = toFailure(error, ids, context.signal);
    throw call.failure.error;
  }
}
