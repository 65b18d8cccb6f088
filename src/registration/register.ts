/**
 * Begins, joins or answers a registration. Everything that decides which of these it is happens in one transaction that
 * holds the lock of the instance's key, so that any number of equal requests, on any replicas, end up at one attempt. What
 * plainly changes nothing is answered before (`unchanged.ts`).
 */
import { DomainError, type FieldViolation, invalidFields } from "../kernel/errors.ts";
import { isOf, shareOf, type Caller } from "../kernel/caller.ts";
import type { FairQueue } from "../kernel/fair-queue.ts";
import type { Ids } from "../kernel/ports.ts";
import { hostViolation } from "./address.ts";
import type { Runner } from "./attempts/runner.ts";
import type { RegistrationPorts } from "./attempts/attempt-context.ts";
import { reserveName } from "./name-owner.ts";
import { isPlatformName } from "./platform-names.ts";
import type { Attempt, InstanceRow, Registration, RegistrationTx } from "./records.ts";
import { requestHashOf, serviceIdOf } from "./service-id.ts";
import { activeOf, settleSpelling } from "./spellings.ts";
import { insertAttempt, newAttempt, startedEvent, type Described } from "./attempts/new-attempt.ts";
import { gatePolicyKey } from "./gate/approvals.ts";
import { begunAttempt } from "./gate/begin-attempt.ts";
import { askedAgainEvents, heldOf } from "./gate/held-events.ts";
import type { Waiting } from "./gate/gate-records.ts";
import type { FindHeld } from "./gate/held.ts";
import { hasKnownType, registerViolations, type RegisterCandidate } from "./validate.ts";
import type { ProgressEvent, RegisterInput, ServiceType } from "./types.ts";
import type { Asked, FindUnchanged } from "./unchanged.ts";

export interface RegisterDeps {
  readonly ports: RegistrationPorts;
  readonly ids: Ids;
  readonly runner: Runner;
  /** Callers take turns at beginning, so that many requests of one do not stand before another's at the store. */
  readonly starts: FairQueue;
  readonly resolveHost: ResolveHost;
  /** The name of this server in the catalog, if it has one. */
  readonly selfName?: string | undefined;
  readonly findUnchanged: FindUnchanged;
  readonly findHeld: FindHeld;
  /** Called for every answer UNCHANGED that is given anew. */
  readonly onUnchanged?: (type: ServiceType) => void;
}

type HostReason = "HOST_DENIED" | "HOST_UNRESOLVABLE";
/**
 * Resolves a host to one checked IP address; a violation's text when it cannot be used. Rejects with `unavailable` when the name
 * service does not answer, and with `exhausted` when too many lookups of this share wait.
 */
export type ResolveHost = (host: string, share: string, signal: AbortSignal) => Promise<ResolvedHost>;
export type ResolvedHost = { readonly address: string } | { readonly violation: string; readonly reason: HostReason };

export interface StartedRegistration {
  /** Empty when nothing is recorded, because nothing changes: then `events` are all that there are. */
  readonly attemptId: string;
  /** True when this very call began the attempt. */
  readonly isNew: boolean;
  /** What this call recorded of it: its first events, or none. */
  readonly events: readonly ProgressEvent[];
  /** The ask that the request is answered from. */
  readonly ask?: Waiting;
}

/**
 * What a valid request comes to: the request, and the address that is checked and called. Rejects with `invalid`, naming all
 * bad fields: HOST_DENIED or HOST_UNRESOLVABLE when nothing but hosts is wrong, else INVALID_FIELDS. Rejects as `ResolveHost` does
 * when nothing is known to be wrong.
 */
export async function validateRegistration(
  deps: RegisterDeps,
  candidate: RegisterCandidate,
  caller: Caller,
  signal: AbortSignal,
): Promise<{ input: RegisterInput; address: string }> {
  const isOwn = isPlatformName(candidate.name, deps.selfName);
  const ofFields = [...registerViolations(candidate), ...(isOwn ? [{ field: "name", description: "is a name of the platform itself" }] : [])];
  const ofHosts: (FieldViolation & { readonly reason: HostReason })[] = [];
  const { connectivity } = candidate;
  let address = "";
  let unknown: { readonly error: unknown } | undefined;
  for (const [field, host] of [
    // Judged here so that it is reported before anything is done; what fetches the document resolves and judges it again.
    ["http_endpoints", candidate.httpSchemaPath === undefined ? undefined : candidate.httpEndpoints[0]?.host],
    ["connectivity.advertised_host", connectivity.advertisedHost],
    ["connectivity.internal_host", connectivity.internalHost],
  ] as const) {
    if (host === undefined || hostViolation(host)) continue;
    const resolved = await deps.resolveHost(host, shareOf(caller), signal).catch((error: unknown) => void (unknown = { error }));
    // What is wrong with the request is reported first: no name service will mend that.
    if (!resolved) break;
    if ("address" in resolved) {
      address = resolved.address;
      continue;
    }
    ofHosts.push({ field, description: resolved.violation, reason: resolved.reason });
  }
  const fields = [...ofFields, ...ofHosts.map(({ field, description }) => ({ field, description }))];
  if (unknown && fields.length === 0) throw unknown.error;
  if (fields.length === 0 && hasKnownType(candidate)) return { input: candidate, address };
  const error = invalidFields(fields);
  if (ofFields.length > 0 || ofHosts.length === 0) throw error;
  throw new DomainError({ kind: "invalid", reason: hostReason(ofHosts), message: error.message, fields });
}

/** Of several bad hosts: HOST_DENIED if any is, since no name service will mend that, else HOST_UNRESOLVABLE. */
function hostReason(hosts: readonly { readonly reason: HostReason }[]): HostReason {
  return hosts.some(({ reason }) => reason === "HOST_DENIED") ? "HOST_DENIED" : "HOST_UNRESOLVABLE";
}

/**
 * Begins an attempt, or finds the one to follow: a running attempt of the same request, or any attempt of the caller with
 * the same `request_id` that is still true. A request without one that changes nothing is no attempt. Rejects before anything is
 * recorded with `invalid` (fields, REQUEST_ID_REUSED), `already_exists`
 * (SERVICE_ID_CLASH), `denied` (NAME_OWNED_BY_ANOTHER), `conflict` (ATTEMPT_IN_FLIGHT with another request, or one of somebody else for
 * a name that nobody owns yet), `wrong_state` (REGISTRATION_ENDED), `exhausted`, `unavailable`.
 */
export async function startRegistration(deps: RegisterDeps, candidate: RegisterCandidate, caller: Caller, signal: AbortSignal): Promise<StartedRegistration> {
  const { input, address } = await validateRegistration(deps, candidate, caller, signal);
  const request = {
    input,
    address,
    hash: requestHashOf(input),
    serviceId: serviceIdOf(input.name, input.connectivity.advertisedHost, input.connectivity.advertisedPort),
  };
  const settled = input.requestId === undefined ? await deps.findUnchanged(request, caller) : undefined;
  const ask = settled || input.requestId !== undefined ? undefined : await deps.findHeld(request, caller);
  if (ask) await joinHeld(deps, ask, caller);
  if (ask) return { attemptId: "", isNew: false, events: askedAgainEvents(ask, deps.ports.clock.now()), ask };
  const started = settled ? unrecorded(deps, request, settled) : await beginInTurn(deps, request, caller, signal);
  if (started.events.at(-1)?.outcome === "UNCHANGED") deps.onUnchanged?.(input.type);
  return started;
}

/** Whoever asks for what waits already has asked, too, and does not decide on it. */
export async function joinHeld({ ports }: RegisterDeps, { approvalId, actor }: Pick<Waiting, "approvalId" | "actor">, caller: Caller): Promise<void> {
  if (!isOf(actor, caller)) await ports.store.tx((tx) => ports.gate.join(tx, approvalId, caller.key));
}

/**
 * What the policy `registration` would make of a request, as facts for its caller; none while no such policy is active. The schema is not
 * known before the instance is called back, so that nothing is compared: where something with a schema is live, the verdict is UNKNOWN.
 */
export async function forecastOf({ ports }: RegisterDeps, input: RegisterInput, address: string, caller: Caller): Promise<Readonly<Record<string, string>>> {
  const { name, type, version } = input;
  const serviceId = serviceIdOf(name, input.connectivity.advertisedHost, input.connectivity.advertisedPort);
  const { key: actor, traceparent } = caller;
  const attempt = { id: "", serviceId, name, type, version, request: input, requestHash: requestHashOf(input), address, generation: 0, actor, traceparent };
  const forecast = await ports.store.tx((tx) => ports.gate.forecast(tx, { attempt, schema: undefined, description: undefined }));
  if (!forecast) return {};
  return { policy: gatePolicyKey, policy_version: String(forecast.policyVersion), approval: forecast.decides, approval_reason: forecast.reason };
}

/** Refused before it waits for its turn, where that is known already. */
function beginInTurn(deps: RegisterDeps, request: CheckedRequest, caller: Caller, signal: AbortSignal): Promise<StartedRegistration> {
  deps.runner.admit(shareOf(caller))[Symbol.dispose]();
  return deps.starts.run(shareOf(caller), signal, () => beginOrJoin(deps, request, caller, signal));
}

async function beginOrJoin(deps: RegisterDeps, request: CheckedRequest, caller: Caller, signal: AbortSignal): Promise<StartedRegistration> {
  using admitted = deps.runner.admit(shareOf(caller));
  const unchanged = await findPassing(deps, request, signal);
  const { begun, ...started } = await deps.ports.store.tx(async (tx): Promise<StartedRegistration & { readonly begun?: Attempt }> => {
    const key = await claimKey(tx, request, caller);
    const known = await findKnown(tx, request, key, caller);
    if (known) return { attemptId: known.id, isNew: false, events: [] };
    const stillUnchanged = unchanged && (await tx.registrations.findActive(key.serviceId))?.id === unchanged.id;
    // Asked for what it has, it does not ask for anything else any more.
    if (stillUnchanged) await deps.ports.gate.leave(tx, key.serviceId);
    if (stillUnchanged && request.input.requestId === undefined) return unrecorded(deps, request, key);
    const { input, hash, address } = request;
    const { key: actor, traceparent } = caller;
    const beginning = { id: deps.ids.next(), now: deps.ports.clock.now(), input, requestId: input.requestId, hash, address, actor, traceparent };
    const attempt = newAttempt(deps.runner, beginning, key);
    const begins = { attemptId: attempt.id, isNew: true };
    if (stillUnchanged) {
      const events = unchangedEvents(attempt);
      await tx.attempts.insert({ ...attempt, state: "COMPLETED", outcome: "UNCHANGED", cursor: 0, lastSequence: events.length }, events, 0);
      return { ...begins, events };
    }
    admitted.takeRoom();
    const events = await insertAttempt(tx, attempt, deps.runner.leaseMs, caller);
    return { ...begins, events, begun: attempt };
  });
  if (begun) admitted.start(begun);
  return started;
}

interface CheckedRequest extends Asked {
  readonly input: RegisterInput;
}

/** The answer that nothing changes, of which nothing is recorded. */
function unrecorded({ ports }: RegisterDeps, { address }: CheckedRequest, { serviceId }: Pick<InstanceRow, "serviceId">): StartedRegistration {
  return { attemptId: "", isNew: false, events: unchangedEvents({ id: "", createdAt: ports.clock.now(), serviceId, address }) };
}

/** The active registration that already is what the request asks for, and that consumers are shown as passing just now. */
async function findPassing({ ports }: RegisterDeps, request: CheckedRequest, signal: AbortSignal): Promise<Registration | undefined> {
  const active = await ports.store.tx((tx) => activeOf(tx, request.serviceId));
  if (active?.requestHash !== request.hash || active.address !== request.address) return undefined;
  const instances = await ports.catalog.instances({ serviceId: active.serviceId, name: active.name }, signal);
  return instances.some(({ attemptId, status }) => attemptId === active.id && status === "passing") ? active : undefined;
}

/** The row that the request is about: of its own spelling, or of the one under which the instance is registered. */
async function claimKey(tx: RegistrationTx, { input, serviceId }: CheckedRequest, caller: Caller): Promise<InstanceRow> {
  const { advertisedHost: host, advertisedPort: port } = input.connectivity;
  const asked = { serviceId, name: input.name, host, port };
  const holder = await tx.instances.claim(asked);
  await reserveName(tx, input.name, caller);
  return settleSpelling(tx, asked, holder);
}

async function findKnown(tx: RegistrationTx, { input, hash }: CheckedRequest, { serviceId }: InstanceRow, caller: Caller): Promise<Attempt | undefined> {
  if (input.requestId !== undefined) {
    const same = await tx.attempts.findByRequestId(caller.key, input.requestId);
    if (same && same.requestHash !== hash) {
      throw new DomainError({
        kind: "invalid",
        reason: "REQUEST_ID_REUSED",
        message: "request_id was used before with another request",
        fields: [{ field: "request_id", description: "was used before with another request" }],
      });
    }
    if (same) return stillTrue(tx, same);
  }
  const live = await tx.attempts.findLive(serviceId);
  if (live && live.requestHash !== hash) {
    throw new DomainError({
      kind: "conflict",
      reason: "ATTEMPT_IN_FLIGHT",
      message: `another registration of ${serviceId} is under way`,
      metadata: { attempt_id: live.id },
      retryAfterMs: 1_000,
    });
  }
  return live;
}

/**
 * The attempt, unless it completed, or the one did that its approval began, and what it asked for is not what is registered any
 * more. What was held is followed through otherwise.
 */
async function stillTrue(tx: RegistrationTx, attempt: Attempt): Promise<Attempt> {
  const isHeld = attempt.outcome === "PENDING_APPROVAL";
  const last = isHeld ? await begunAttempt(tx, heldOf(attempt, await tx.attempts.events(attempt.id, 0))) : attempt;
  const completed = last?.state === "COMPLETED" && last.outcome !== "PENDING_APPROVAL";
  if (!completed || (await activeOf(tx, attempt.serviceId))?.requestHash === attempt.requestHash) return attempt;
  throw new DomainError({
    kind: "wrong_state",
    reason: "REGISTRATION_ENDED",
    message: `what this request_id registered, ${attempt.serviceId}, has been unregistered or replaced since: to register it again, take a new request_id`,
    subject: { type: "attempt", name: attempt.id },
    metadata: { attempt_id: attempt.id },
  });
}

function unchangedEvents(attempt: Described): readonly ProgressEvent[] {
  const { id: attemptId, createdAt: at, serviceId } = attempt;
  return [
    startedEvent(attempt),
    { attemptId, sequence: 2, type: "VALIDATED", at, message: "request is valid and the same as before", metadata: { check_address: attempt.address } },
    { attemptId, sequence: 3, type: "CONSUL_HEALTHY", at, message: "the catalog lists the instance as passing", serviceId },
    { attemptId, sequence: 4, type: "COMPLETED", at, message: "already registered, nothing has changed", serviceId, outcome: "UNCHANGED" },
  ];
}
