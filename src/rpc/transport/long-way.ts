/**
 * The code path for everything that is not plain gRPC: all protocols of the RPC library, reflection, the HTTP
 * routes, and every refusal. `server.ts` loads it at the first such request, or after the start: loading the library's Node part
 * takes a large share of a start.
 */
import { createConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import type { HttpRequest, HttpResponse } from "./send-answer.ts";
import { orAborted } from "../../kernel/or-aborted.ts";
import { principalKey, shareOfCall, type Admission } from "../platform/auth.ts";
import { credentialsIn } from "../platform/credentials.ts";
import { callInterceptor, callKey, responseKey, watchProtocolErrors } from "./call.ts";
import { createDispatcher, type DispatchOptions } from "./dispatch.ts";
import { toFailure } from "../platform/errors.ts";
import { reflectionServices } from "../platform/reflection.ts";
import type { ServedService } from "./served.ts";

export interface LongWayOptions extends Omit<DispatchOptions, "rpcs"> {
  readonly services: readonly ServedService[];
}

/** The request listener of both HTTP versions. */
export function createLongWay(options: LongWayOptions): (request: HttpRequest, response: HttpResponse) => void {
  const { services, limits, ids, cut } = options;
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    readMaxBytes: limits.messageBytes,
    shutdownSignal: cut,
    interceptors: [callInterceptor(ids, options.unread)],
    requestGate: (context) => admit(context, options),
  });
  const descs = services.map(({ desc }) => desc);
  const payloads = services.flatMap((service) => service.payloads);
  const all = [...services, ...reflectionServices(descs, payloads)];
  for (const service of all) service.addTo(router);
  const methods = new Map(all.flatMap((service) => service.methods.map((method) => [method.desc, method])));
  const rpcs = router.handlers.map((handler) => ({ handler, method: methods.get(handler.method)! }));
  return createDispatcher({ ...options, rpcs });
}

/** What a client that sends another encoding is shown beside UNIMPLEMENTED. */
const accepted = `identity,${compressionGzip.name}`;

function isUnknown(encoding: string | null): boolean {
  return encoding !== null && !accepted.split(",").includes(encoding);
}

/** Runs before the message is read. Throws, or rejects, with the failure of a call that is not admitted. */
async function admit(context: HandlerContext, { gate, ids, openCalls }: LongWayOptions): Promise<void> {
  const call = context.values.get(callKey);
  const response = context.values.get(responseKey);
  if (!call || !response) throw new Error("a call reached its handler without being dispatched");
  watchProtocolErrors(context, call, ids);
  if (context.protocolName !== "connect" && isUnknown(context.requestHeader.get("grpc-encoding"))) context.responseHeader.set("grpc-accept-encoding", accepted);
  try {
    const given = gate(
      call.target,
      credentialsIn((field) => context.requestHeader.get(field)),
      call.spiffeId,
    );
    const { principal, refusal }: Admission = given instanceof Promise ? await orAborted(given, context.signal) : given;
    context.values.set(principalKey, principal);
    call.principal = principal.name || undefined;
    if (refusal) throw refusal;
    const full = openCalls.admit(response, call.target, shareOfCall(principal, call.peer));
    if (full) throw full;
  } catch (error) {
    call.failure = toFailure(error, ids, context.signal);
    throw call.failure.error;
  }
}
