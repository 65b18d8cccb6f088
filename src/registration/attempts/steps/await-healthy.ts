/**
 * Waits until the catalog's own check has passed for this attempt's entry. The catalog decides; our own probe runs
 * beside it and gives the reason when it does not pass, and the early failure when waiting cannot help: after the
 * start-up grace a refused connection, a wrong protocol, a TLS mismatch and a missing health service fail at once,
 * everything else waits for the timeout. The probe's first "serving" also starts work that needs the instance but not
 * the catalog's verdict (`ahead`); its failures are left to the step that asks for the result.
 *
 * The server as a whole ("") is asked for. Where the health server does not know that, the first service of the request that
 * it knows stands for the instance, and once that serves the catalog's check asks for it, too.
 */
import { DomainError, type Reason } from "../../../kernel/errors.ts";
import { limits } from "../../validate.ts";
import type { AttemptContext, RegistrationStep } from "../attempt-context.ts";
import { retrying } from "../../../kernel/retry.ts";
import { checkOf } from "../attempt-context.ts";
import type { CheckTarget, HealthVerdict } from "../../types.ts";

/** Where the check goes. */
type Tried = AttemptContext["entry"]["check"];
type BadVerdict = Exclude<HealthVerdict, { status: "serving" }>;

/** Between two probes: so much for each second that was waited, within a second, so that what is not there costs little. */
const probePauseMs = 100;
const longPauseMs = 1_000;
const reportPauseMs = 5_000;

const earlyFailures: Partial<Record<BadVerdict["status"], Reason>> = {
  refused: "HEALTH_REFUSED",
  wrong_protocol: "HEALTH_WRONG_PROTOCOL",
  tls_mismatch: "HEALTH_TLS_MISMATCH",
  unimplemented: "HEALTH_UNIMPLEMENTED",
  unknown_service: "HEALTH_SERVICE_UNKNOWN",
};

/** The step; `ahead` is started, once, as soon as the instance answers SERVING. */
export function awaitHealthy(ahead?: (context: AttemptContext, signal: AbortSignal) => Promise<unknown>): RegistrationStep {
  return {
    event: "CONSUL_HEALTHY",
    timeoutMs: limits.healthTimeoutMs + 5_000,
    early: true,
    run: async (context, signal) => {
      const { clock, catalog } = context.ports;
      const { serviceId, id } = context.attempt;
      const startedAt = clock.now();
      const settled = new AbortController();
      const waiting = AbortSignal.any([signal, settled.signal]);
      const onServing = async (check: CheckTarget, isFirst: boolean): Promise<void> => {
        await checkAs(context, check, signal);
        if (isFirst) void ahead?.(context, signal).catch(() => undefined);
      };
      const probe = probeUntilHopeless(context, waiting, startedAt, onServing);
      try {
        await Promise.race([catalog.awaitPassing(serviceId, id, waiting, context.share), probe]);
      } finally {
        settled.abort(new DomainError({ kind: "cancelled", reason: "CANCELLED", message: "the health wait is over" }));
        await probe.catch(() => undefined);
      }
      const { service } = context.entry.check;
      const what = service === undefined ? "health check" : `health check of ${service}`;
      return { message: `the catalog's ${what} passed after ${clock.now() - startedAt} ms`, serviceId };
    },
  };
}

/** Lets the catalog's check ask for what has answered our probe. */
async function checkAs(context: AttemptContext, { service }: CheckTarget, signal: AbortSignal): Promise<void> {
  if (service === context.entry.check.service) return;
  context.checkService(service);
  const { clock, catalog } = context.ports;
  await retrying(clock, signal, () => catalog.register(context.entry, signal, context.share));
}

/** What the instance's health server answers, and to which question. */
async function askHealth({ attempt, ports: { module } }: AttemptContext, signal: AbortSignal): Promise<{ check: CheckTarget; verdict: HealthVerdict }> {
  const { request, address } = attempt;
  const whole = checkOf(request, address, undefined);
  const verdict = await module.health(whole, signal);
  if (verdict.status !== "unknown_service") return { check: whole, verdict };
  for (const service of request.grpcServices) {
    const check = checkOf(request, address, service);
    const named = await module.health(check, signal);
    if (named.status !== "unknown_service") return { check, verdict: named };
  }
  const rest = request.grpcServices.length > 0 ? "and knows none of grpc_services either" : "and grpc_services names no service to ask for instead";
  return { check: whole, verdict: { ...verdict, detail: `${verdict.detail}, ${rest}` } };
}

/** Never resolves before `signal`; rejects when the instance cannot become healthy in time, or when `onServing` does. */
async function probeUntilHopeless(
  context: AttemptContext,
  signal: AbortSignal,
  startedAt: number,
  onServing: (check: CheckTarget, isFirst: boolean) => Promise<void>,
): Promise<void> {
  const { clock } = context.ports;
  const { healthTimeoutMs, startupGraceMs } = context.attempt.request;
  let served = false;
  let reportedAt: number | undefined;
  for (;;) {
    const { check, verdict } = await askHealth(context, signal);
    signal.throwIfAborted();
    const waitedMs = clock.now() - startedAt;
    if (verdict.status === "serving") {
      await onServing(check, !served);
      served = true;
    } else {
      const hopeless = waitedMs >= startupGraceMs ? earlyFailures[verdict.status] : undefined;
      if (hopeless) throw unhealthy(hopeless, verdict, waitedMs, context.entry.check);
    }
    if (waitedMs >= healthTimeoutMs) throw timedOut(verdict, waitedMs, context.entry.check);
    if (verdict.status !== "serving" && clock.now() - (reportedAt ?? 0) >= reportPauseMs) {
      reportedAt = clock.now();
      await context.report("HEALTH_WAITING", {
        message: `not healthy yet: ${verdict.detail}`,
        metadata: { probe: verdict.status, waited_ms: String(waitedMs) },
      });
    }
    const pauseMs = verdict.status === "serving" ? longPauseMs : Math.max(Math.floor(waitedMs / 1_000), 1) * probePauseMs;
    const left = [healthTimeoutMs, startupGraceMs].map((limit) => limit - waitedMs).filter((ms) => ms > 0);
    await clock.sleep(Math.min(pauseMs, longPauseMs, ...left), signal);
  }
}

function addressOf({ address, port }: Tried): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

function unhealthy(reason: Reason, verdict: BadVerdict, waitedMs: number, at: Tried): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason,
    message: `the instance at ${addressOf(at)} is not healthy after ${waitedMs} ms: ${verdict.detail}`,
    metadata: { probe: verdict.status, address: addressOf(at) },
  });
}

function timedOut(verdict: HealthVerdict, waitedMs: number, at: Tried): DomainError {
  if (verdict.status === "serving") {
    return new DomainError({
      kind: "timeout",
      reason: "HEALTH_TIMEOUT",
      message: `the instance at ${addressOf(at)} answers SERVING, but the catalog's check did not pass within ${waitedMs} ms: can the catalog reach it${at.tls ? ", without a client certificate" : ""}?`,
      metadata: { probe: verdict.status, address: addressOf(at) },
    });
  }
  const reason = verdict.status === "not_serving" ? "HEALTH_NOT_SERVING" : (earlyFailures[verdict.status] ?? "HEALTH_TIMEOUT");
  return unhealthy(reason, verdict, waitedMs, at);
}
