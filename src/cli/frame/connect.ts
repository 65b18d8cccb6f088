/**
 * The connection to a server: one HTTP/2 connection, gRPC, opened with the first call.
 *
 * Every call has a deadline, except watches without `--timeout`, and each ends with the terminal's signal.
 * The connection is left to the end of the process: closing it by force while a call is failing crashes Node.
 */
import type { DescService } from "@bufbuild/protobuf";
import { createClient, type CallOptions, type Client, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { PlatformRegistrationService } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ApprovalService } from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { PolicyService } from "../../../gen/muster/approval/v1/policy_service_pb.ts";
import { InboundService } from "../../../gen/muster/approval/v1/inbound_service_pb.ts";
import { WebhookService } from "../../../gen/muster/approval/v1/webhook_service_pb.ts";
import { AuditService } from "../../../gen/muster/audit/v1/audit_service_pb.ts";
import { EventService } from "../../../gen/muster/event/v1/event_service_pb.ts";
import { NameService } from "../../../gen/muster/registration/v1/name_service_pb.ts";
import { RegistrationService } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import type { Input } from "./command.ts";
import { targetOf, type Target } from "./target.ts";
import type { Terminal } from "./terminal.ts";
import { durationMs } from "./times.ts";

export interface Connection {
  readonly platform: Client<typeof PlatformRegistrationService>;
  readonly registration: Client<typeof RegistrationService>;
  readonly names: Client<typeof NameService>;
  readonly audit: Client<typeof AuditService>;
  readonly events: Client<typeof EventService>;
  readonly approvals: Client<typeof ApprovalService>;
  readonly policies: Client<typeof PolicyService>;
  readonly webhooks: Client<typeof WebhookService>;
  readonly inbound: Client<typeof InboundService>;
  /** For a call that answers once: 10 s unless `--timeout` or `defaultMs` is given. */
  once(defaultMs?: number): CallOptions;
  /** For a call that runs until it is ended, or until `--timeout` is over, counted from `connect`. */
  open(): CallOptions;
  /** Whether the time of `--timeout` is over; never without it. */
  isOver(): boolean;
}

const answerMs = 10_000;
/** A call may end that much before its deadline by this clock. */
const marginMs = 50;

/** Reads where to connect from the options and the environment. Throws UsageError with all problems. */
export function connect(input: Input, terminal: Terminal): Connection {
  const target = targetOf(input, terminal.settings, terminal.readFile);
  const limit = input.text("timeout");
  const limitMs = limit === undefined ? undefined : durationMs("timeout", limit);
  const beganAt = terminal.clock.now();
  const leftMs = (): number => (limitMs === undefined ? Number.POSITIVE_INFINITY : beganAt + limitMs - terminal.clock.now());
  const transport = createGrpcTransport({
    baseUrl: target.url,
    interceptors: [sending({ ...(target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }), ...target.openCaller })],
    idleConnectionTimeoutMs: 2_000,
    pingIntervalMs: 20_000,
    nodeOptions: tlsOptions(target),
  });
  const client = <S extends DescService>(service: S): Client<S> => createClient(service, transport);
  return {
    platform: client(PlatformRegistrationService),
    registration: client(RegistrationService),
    names: client(NameService),
    audit: client(AuditService),
    events: client(EventService),
    approvals: client(ApprovalService),
    policies: client(PolicyService),
    webhooks: client(WebhookService),
    inbound: client(InboundService),
    once: (defaultMs = answerMs) => ({ signal: terminal.signal, timeoutMs: limitMs ?? defaultMs }),
    isOver: () => leftMs() <= marginMs,
    open: () => ({ signal: terminal.signal, ...(limitMs === undefined ? {} : { timeoutMs: Math.max(1, leftMs()) }) }),
  };
}

function sending(fields: Readonly<Record<string, string>>): Interceptor {
  return (next) => (request) => {
    for (const [name, value] of Object.entries(fields)) request.header.set(name, value);
    return next(request);
  };
}

function tlsOptions({ tls }: Target) {
  if (tls === undefined) return {};
  const { ca, cert, key } = tls;
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}
