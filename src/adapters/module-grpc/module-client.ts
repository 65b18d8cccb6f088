/**
 * Calls to one instance: each on its own connection, which ends with the call. Guarantees: an end within the limit
 * for any behaviour of the peer, and no resource left. When the peer closes the connection or answers garbage, a second
 * connection, within the same limit, finds out whether it expects TLS where we use none, or the reverse: servers often
 * close silently then, and the author needs the reason "TLS mismatch".
 */
import type { ModuleClient } from "../../registration/ports.ts";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createSecureContext, getCACertificates } from "node:tls";
import { isIPv6 } from "node:net";
import { GetServiceRegistrationRequestSchema, PipeStepProcessorService } from "../../../gen/ai/pipestream/data/module/v1/module_service_pb.ts";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Serving,
  HealthCheckResponse_ServingStatusSchema as ServingSchema,
} from "../../../gen/grpc/health/v1/health_pb.ts";
import type { Endpoint, HealthVerdict } from "../../registration/types.ts";
import { callbackError, descriptionOf } from "./description.ts";
import { dial, speaksTls, type TlsPolicy } from "./dial.ts";
import { exchange, type UnaryRequest } from "./exchange.ts";
import type { Outcome } from "./outcome.ts";
import { statusName } from "../../kernel/status-name.ts";

export interface ModuleClientOptions {
  /**
   * PEM certificates of authorities to trust beside the system's. Without it certificates are not verified: modules
   * mostly have one of a private authority that neither we nor the catalog's checks can know, and the catalog's checks
   * skip the verification too.
   */
  readonly ca?: string | Buffer;
  /** PEM client certificate and key, for modules that request one. */
  readonly clientCertificate?: { readonly cert: Buffer; readonly key: Buffer };
  /** Milliseconds for the whole of a call. */
  readonly describeMs?: number;
  readonly healthMs?: number;
}

const maxDescriptionBytes = 1_024 * 1_024;
const maxHealthBytes = 1_024;

const describeMethod = PipeStepProcessorService.method.getServiceRegistration;
const checkMethod = Health.method.check;

type Call = Pick<UnaryRequest, "path" | "message" | "timeoutMs" | "maxAnswerBytes">;

/** The client; it holds nothing but its configuration. */
export function createModuleClient(options: ModuleClientOptions = {}): ModuleClient {
  const { ca, clientCertificate, describeMs = 5_000, healthMs = 2_000 } = options;
  const policy: TlsPolicy = {
    verify: ca !== undefined,
    context: createSecureContext({
      // Without a configured authority nothing is verified; an empty list keeps Node from loading its own hundred.
      ca: ca ? [...getCACertificates("default"), ...getCACertificates("system"), ca.toString()] : [],
      ...clientCertificate,
    }),
  };

  return {
    describe: async (endpoint, signal) => {
      const outcome = await call(endpoint, policy, signal, {
        path: `/${describeMethod.parent.typeName}/${describeMethod.name}`,
        message: toBinary(GetServiceRegistrationRequestSchema, create(GetServiceRegistrationRequestSchema)),
        timeoutMs: describeMs,
        maxAnswerBytes: maxDescriptionBytes,
      });
      if (outcome.type !== "answer") throw callbackError(outcome, endpoint);
      return descriptionOf(outcome.message, endpoint);
    },
    health: async ({ service = "", ...endpoint }, signal) =>
      healthVerdict(
        await call(endpoint, policy, signal, {
          path: `/${checkMethod.parent.typeName}/${checkMethod.name}`,
          message: toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service })),
          timeoutMs: healthMs,
          maxAnswerBytes: maxHealthBytes,
        }),
        service === "" ? "the health check" : `the health check of ${service}`,
      ),
  };
}

/** Rejects only with the signal's reason. */
async function call(endpoint: Endpoint, policy: TlsPolicy, signal: AbortSignal, request: Call): Promise<Outcome> {
  signal.throwIfAborted();
  const ending = AbortSignal.any([signal, AbortSignal.timeout(request.timeoutMs)]);
  const { outcome, doubtful } = await attempt(endpoint, policy, ending, request);
  const mismatch = doubtful && !ending.aborted && (await otherwiseSpoken(endpoint, policy, ending, request));
  signal.throwIfAborted();
  if (!mismatch) return outcome;
  return {
    type: "tls_mismatch",
    detail: endpoint.tls ? "the instance speaks plaintext where TLS is expected" : "the instance speaks TLS where plaintext is expected",
  };
}

/** By TLS 1.3 a server looks at the client's certificate after the client's handshake is over. */
const endedAfterHandshake: Outcome = {
  type: "tls_mismatch",
  detail: "the instance ended the connection right after the TLS handshake, as servers do that want another client certificate than Muster's, or any",
};

/** `doubtful`: the peer took the connection and showed no sign of understanding us. */
async function attempt(endpoint: Endpoint, policy: TlsPolicy, signal: AbortSignal, request: Call): Promise<{ outcome: Outcome; doubtful: boolean }> {
  const { address, port, tls, serverName } = endpoint;
  const dialled = await dial(endpoint, policy, signal);
  if (dialled.type !== "open") return { outcome: dialled, doubtful: tls && dialled.type === "unreachable" };
  const authority = `${isIPv6(serverName) ? `[${serverName}]` : serverName || address}:${port}`;
  const { spokeHttp2, outcome } = await exchange(dialled.socket, { ...request, authority, tls }, signal);
  if (tls && !spokeHttp2 && outcome.type === "unreachable") return { outcome: endedAfterHandshake, doubtful: false };
  return { outcome, doubtful: !tls && !spokeHttp2 && (outcome.type === "unreachable" || outcome.type === "wrong_protocol") };
}

async function otherwiseSpoken(endpoint: Endpoint, policy: TlsPolicy, signal: AbortSignal, request: Call): Promise<boolean> {
  if (!endpoint.tls) return speaksTls(endpoint, policy, signal);
  const { outcome } = await attempt({ ...endpoint, tls: false }, policy, signal, request);
  return outcome.type === "answer" || outcome.type === "status";
}

function healthVerdict(outcome: Outcome, check: string): HealthVerdict {
  switch (outcome.type) {
    case "answer":
      return servingVerdict(outcome.message, check);
    case "status": {
      const name = statusName(outcome.code);
      const detail = `${check} answers ${name}${outcome.text ? `: ${outcome.text}` : ""}`;
      if (name === "UNIMPLEMENTED") return { status: "unimplemented", detail };
      if (name === "NOT_FOUND") return { status: "unknown_service", detail };
      return { status: name === "UNAVAILABLE" || name === "DEADLINE_EXCEEDED" ? "unreachable" : "not_serving", detail };
    }
    case "timeout":
      return { status: "unreachable", detail: outcome.detail };
    case "too_large":
    case "malformed":
      return { status: "wrong_protocol", detail: outcome.detail };
    default:
      return { status: outcome.type, detail: outcome.detail };
  }
}

function servingVerdict(message: Uint8Array, check: string): HealthVerdict {
  let status: Serving;
  try {
    ({ status } = fromBinary(HealthCheckResponseSchema, message));
  } catch {
    return { status: "wrong_protocol", detail: `the answer of ${check} cannot be decoded` };
  }
  if (status === Serving.SERVING) return { status: "serving" };
  const detail = `${check} answers ${ServingSchema.value[status]?.name ?? "an unknown status"}`;
  return { status: status === Serving.SERVICE_UNKNOWN ? "unknown_service" : "not_serving", detail };
}
