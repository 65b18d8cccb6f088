import type { DescService } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { NameService } from "../../gen/muster/registration/v1/name_service_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { createUuidV7 } from "../../src/adapters/system/ids.ts";
import { DomainError } from "../../src/kernel/errors.ts";
import type { LogFields, LogLevel } from "../../src/kernel/log.ts";
import { createAuthGate } from "../../src/rpc/platform/auth.ts";
import { defaultLimits, type Limits } from "../../src/rpc/transport/limits.ts";
import type { CallEnd } from "../../src/rpc/transport/call-end.ts";
import type { ApprovalHandlerDeps } from "../../src/rpc/approvals/deps.ts";
import type { InboundDeps } from "../../src/inbound/deps.ts";
import { inboundService } from "../../src/rpc/inbound/methods.ts";
import { webhookService } from "../../src/rpc/webhooks/methods.ts";
import type { WebhookDeps } from "../../src/webhooks/deps.ts";
import { approvalServices } from "../../src/rpc/approvals/methods.ts";
import { attemptMethods, nameMethods, platformMethods } from "../../src/rpc/registration/methods.ts";
import type { RegistrationHandlerDeps } from "../../src/rpc/registration/deps.ts";
import { events } from "../../src/events.ts";
import { auditService } from "../../src/rpc/platform/audit.ts";
import { eventService, type EventHandlerDeps } from "../../src/rpc/platform/events.ts";
import { served, type Methods } from "../../src/rpc/transport/served.ts";
import { startServer, type RunningServer, type ServerOptions } from "../../src/rpc/transport/server.ts";

export interface LogLine {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

export interface TestServer extends RunningServer, AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly url: string;
  readonly lines: readonly LogLine[];
  readonly ends: readonly CallEnd[];
}

export type PlatformStub = Partial<ServiceImpl<typeof PlatformRegistrationService>>;

export interface TestServerOptions extends Partial<Omit<ServerOptions, "limits">> {
  readonly limits?: Partial<Limits>;
}

/** A log that nobody reads. */
const noEvents = {} as EventHandlerDeps;
/** For rows that only refuse. */
const noApprovals = {} as ApprovalHandlerDeps;
/** For rows whose handlers are replaced. */
const noDeps = {} as RegistrationHandlerDeps;

/** The rows of the product with the handlers of a stub; those that it does not have answer UNIMPLEMENTED. */
export function stubbed<S extends DescService>(rows: Methods<S>, stub: Partial<ServiceImpl<S>>): Methods<S> {
  const missing = () => {
    throw new DomainError({ kind: "unimplemented", reason: "NOT_IMPLEMENTED", message: "the test has no such handler" });
  };
  const handlers: Partial<Record<string, unknown>> = stub;
  return Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, { ...row, call: handlers[name] ?? missing }])) as unknown as Methods<S>;
}

/** The transport on a free port, with the generated services and the handlers that the test supplies. */
export async function startTestServer(stub: PlatformStub, options: TestServerOptions = {}): Promise<TestServer> {
  const lines: LogLine[] = [];
  const ends: CallEnd[] = [];
  const server = await startServer({
    listen: { host: "127.0.0.1", port: 0 },
    services: [
      served(PlatformRegistrationService, stubbed(platformMethods(noDeps), stub)),
      served(RegistrationService, stubbed(attemptMethods(noDeps), {})),
      served(NameService, stubbed(nameMethods(noDeps), {})),
      auditService([]),
      eventService(noEvents, events),
      ...approvalServices(noApprovals),
      webhookService({} as WebhookDeps),
      inboundService({} as InboundDeps),
    ],
    http: [],
    gate: createAuthGate({ mode: "open" }),
    clock: systemClock,
    ids: createUuidV7(systemClock),
    log: (level, event, fields = {}) => void lines.push({ level, event, fields }),
    onCallEnd: (end) => void ends.push(end),
    ...options,
    limits: { ...defaultLimits, ...options.limits },
  });
  const address = `127.0.0.1:${server.port}`;
  return {
    ...server,
    address,
    url: `${options.tls ? "https" : "http"}://${address}`,
    lines,
    ends,
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

/** Resolves when the call's signal aborts. */
export function aborted(context: HandlerContext): Promise<void> {
  const { signal } = context;
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Polls until `probe` gives something, at most `ms`. */
export async function eventually<T>(probe: () => T | undefined | false, ms = 30_000): Promise<T> {
  const late = AbortSignal.timeout(ms);
  for (;;) {
    const isLast = late.aborted;
    const value = probe();
    if (value !== undefined && value !== false) return value;
    if (isLast) throw new Error(`nothing within ${ms} ms`);
    await systemClock.sleep(5);
  }
}
