/**
 * Register begins or joins an attempt and follows it; the attempt itself runs independently of this stream. A client that
 * disconnects before the catalog has the instance cancels its attempt, unless others follow it; later the attempt runs
 * to its end. After FAILED the status of the stream shows whether a retry can help: OK when it cannot.
 */
import type { HandlerContext } from "@connectrpc/connect";
import { create } from "@bufbuild/protobuf";
import {
  EventType,
  RegisterResponseSchema,
  type RegisterRequest,
  type RegisterResponse,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { Caller } from "../../kernel/caller.ts";
import { DomainError, isRetryable } from "../../kernel/errors.ts";
import type { ProgressEvent } from "../../registration/types.ts";
import { awaitDecision } from "../../registration/gate/await-decision.ts";
import { heldOf, type HeldInstance } from "../../registration/gate/held-events.ts";
import { cancelledBy } from "../../registration/attempts/runner.ts";
import { getAttempt } from "../../registration/queries.ts";
import { forecastOf, joinHeld, startRegistration, validateRegistration } from "../../registration/register.ts";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { RegisterCandidate } from "../../registration/validate.ts";
import { registerCandidateOf, registerResponseOf } from "./convert.ts";
import { callerOf } from "../platform/caller.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";

export async function* register(deps: RegistrationHandlerDeps, request: RegisterRequest, context: HandlerContext): AsyncGenerator<RegisterResponse> {
  const candidate = registerCandidateOf(request);
  if (candidate.validateOnly) {
    yield* validateOnly(deps, candidate, callerOf(context), context.signal);
    return;
  }
  const { attemptId, isNew, events, ask } = await startRegistration(deps.register, candidate, callerOf(context), context.signal);
  const { signal } = context;
  if (attemptId === "") {
    const isWaiting = ask !== undefined && candidate.waitForApproval;
    for (const event of isWaiting ? events.slice(0, -1) : events) yield registerResponseOf(event);
    if (isWaiting) yield* afterHeld(deps, ask, candidate, signal);
    return;
  }
  let mayCancel = isNew;
  const seen: ProgressEvent[] = [];
  try {
    for await (const event of deps.progress.follow(attemptId, 0, context.signal, events)) {
      seen.push(event);
      if (event.outcome === "PENDING_APPROVAL") {
        mayCancel = false;
        const held = heldOf(await getAttempt(deps.store, attemptId), seen);
        await joinHeld(deps.register, held, callerOf(context));
        if (await mustWait(deps, held, candidate, isNew)) {
          yield* afterHeld(deps, held, candidate, signal);
          return;
        }
      }
      if (event.type === "CONSUL_REGISTERED" || event.type === "COMPLETED" || event.type === "FAILED") mayCancel = false;
      yield registerResponseOf(event);
      if (event.type === "FAILED") await throwIfWorthRetrying(deps, attemptId);
    }
  } finally {
    if (mayCancel && clientIsGone(context.signal) && !deps.progress.isFollowed(attemptId)) {
      deps.runner.cancel(attemptId, cancelledBy("the client, which disconnected"));
    }
  }
}

/** Whether the end that says "it waits" is not the end for this caller: he waits, or it does not wait for that any more. */
async function mustWait({ store }: RegistrationHandlerDeps, held: HeldInstance, { waitForApproval }: RegisterCandidate, isNew: boolean): Promise<boolean> {
  if (waitForApproval || isNew) return waitForApproval;
  const ask = await store.tx((tx) => tx.asks.find(held.serviceId));
  return ask?.isAdmitted !== false || ask.approvalId !== held.approvalId || ask.digest !== held.digest;
}

async function* afterHeld(
  deps: RegistrationHandlerDeps,
  first: HeldInstance,
  { waitForApproval }: RegisterCandidate,
  signal: AbortSignal,
): AsyncGenerator<RegisterResponse> {
  const { store, clock, progress, runner, register: given } = deps;
  const { follow } = given.ports.gate;
  for (let held: HeldInstance | undefined = first; held;) {
    const seen: ProgressEvent[] = [];
    const waiting: HeldInstance = held;
    held = undefined;
    for await (const event of awaitDecision({ store, clock, progress, follow, stopping: runner.stopping }, waiting, signal)) {
      seen.push(event);
      if (event.outcome === "PENDING_APPROVAL" && waitForApproval) {
        // The policy has made something else of it by now: who waits goes on waiting.
        held = heldOf(await getAttempt(store, event.attemptId), seen);
        break;
      }
      yield registerResponseOf(event);
      if (event.type === "FAILED" && event.attemptId !== "") await throwIfWorthRetrying(deps, event.attemptId);
    }
  }
}

/** True when the call was ended from the other side or by its deadline, not by our own shutdown. */
function clientIsGone(signal: AbortSignal): boolean {
  return signal.aborted && !(signal.reason instanceof DomainError && signal.reason.reason === "SHUTTING_DOWN");
}

async function throwIfWorthRetrying(deps: RegistrationHandlerDeps, attemptId: string): Promise<void> {
  const { error } = await getAttempt(deps.store, attemptId);
  if (error === undefined) return;
  const failure = new DomainError({ ...error, retryAfterMs: 1_000 });
  if (isRetryable(failure)) throw failure;
}

async function* validateOnly(
  deps: RegistrationHandlerDeps,
  candidate: RegisterCandidate,
  caller: Caller,
  signal: AbortSignal,
): AsyncGenerator<RegisterResponse> {
  const { address, input } = await validateRegistration(deps.register, candidate, caller, signal);
  const timestamp = timestampFromMs(deps.clock.now());
  const forecast = await forecastOf(deps.register, input, address, caller);
  const values = { check_address: address, validate_only: "true", ...forecast };
  yield create(RegisterResponseSchema, {
    event: { eventType: EventType.VALIDATED, timestamp, message: "request is valid", eventData: { case: "metadata", value: { values } } },
  });
  yield create(RegisterResponseSchema, { event: { eventType: EventType.COMPLETED, timestamp, message: "nothing was registered: validate_only" } });
}
