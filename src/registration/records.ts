/** What the store keeps for registrations. Times are epoch milliseconds. */
import type { DomainErrorInit } from "../kernel/errors.ts";
import type { Store } from "../kernel/ports.ts";
import type { CoreTx } from "../kernel/records.ts";
import type { RegistrationEvent } from "./events.ts";
import type { AskRepository, GateRepository } from "./gate/gate-records.ts";
import type { NameRepository } from "./name-records.ts";
import type { RegistryVersionRepository } from "./schemas/embedded-records.ts";
import type { ArtifactRepository, SchemaRepository } from "./schemas/schema-records.ts";
import type { AttemptState, Outcome, ProgressEvent, RegisterInput, ServiceType } from "./types.ts";

/** Fencing: a write of an attempt succeeds only while `owner` holds the lease with this `epoch`. */
export interface Lease {
  readonly owner: string;
  readonly epoch: number;
}

/** An attempt as lists have it. */
export type AttemptSummary = Omit<Attempt, "request">;

export interface Attempt {
  readonly id: string;
  readonly serviceId: string;
  readonly name: string;
  readonly type: ServiceType;
  readonly host: string;
  readonly port: number;
  readonly version: string;
  readonly requestId: string | undefined;
  /** SHA-256 of the canonical request; equal hashes mean the same request. */
  readonly requestHash: string;
  readonly request: RegisterInput;
  /** Where the catalog's check and the callback go: the checked address. */
  readonly address: string;
  readonly state: AttemptState;
  /** Steps recorded so far; work of later ones may have happened, too. */
  readonly cursor: number;
  /** The key's generation when the attempt began; a commit against a newer one is refused. */
  readonly generation: number;
  readonly lastSequence: number;
  readonly outcome: Outcome | undefined;
  /** Set when the attempt began to unwind. */
  readonly error: Pick<DomainErrorInit, "kind" | "reason" | "message" | "metadata"> | undefined;
  readonly cancelRequested: boolean;
  readonly actor: string;
  readonly traceparent: string | undefined;
  readonly lease: Lease;
  readonly deadlineAt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** One spelling of the natural key of an instance, known for ever once seen. */
export interface InstanceKey {
  readonly serviceId: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** The locked row of a key: who serves under it now. */
export interface InstanceRow extends InstanceKey {
  /** Grows with every unregistration. */
  readonly generation: number;
}

export type RegistrationState = "PENDING" | "ACTIVE" | "SUPERSEDED" | "UNREGISTERED";

/** One registration: what one successful (or, while PENDING, one running) attempt put there. */
export interface Registration extends InstanceKey {
  /** Also the attempt's id. */
  readonly id: string;
  readonly type: ServiceType;
  readonly version: string;
  readonly state: RegistrationState;
  /** As the caller gave it. */
  readonly request: RegisterInput;
  /** The tags that UpdateTags set in the place of the request's. */
  readonly desiredTags?: readonly string[];
  /** Of the request as the caller sent it. */
  readonly requestHash: string;
  readonly address: string;
  /** The service that its health check asks for; undefined: the server as a whole. Set when it becomes ACTIVE. */
  readonly healthService?: string;
  /** The schema version it stands on: of a module or connector its configuration, of a service its OpenAPI document. */
  readonly schema: { readonly artifactId: string; readonly version: string } | undefined;
  /** What the module said of itself, as canonical JSON. */
  readonly description: string | undefined;
  readonly actor: string;
  readonly registeredAt: number;
  readonly updatedAt: number;
}

/** An active registration with which everything is in order: what a Register that asks for the same is answered by. */
export interface Settled extends Pick<Registration, "id" | "serviceId" | "requestHash" | "address"> {
  /** Who owns the name. */
  readonly owner: string;
}

/** A version that is ACTIVE under a name. */
export interface LiveVersion {
  readonly version: string;
  /** Of the schema it stands on, hex; undefined without one. */
  readonly schemaSha256: string | undefined;
}

/** An instance that was found critical, and reported so, while it stays registered. */
export interface Critical {
  readonly registrationId: string;
  readonly serviceId: string;
  readonly name: string;
  /** Epoch milliseconds of the first look that found it so. */
  readonly since: number;
}

export interface AttemptFilter {
  readonly serviceId?: string;
  readonly name?: string;
  readonly states?: readonly AttemptState[];
  readonly createdAfter?: number;
  readonly createdBefore?: number;
  /** Only attempts with an id below this one (newest first). */
  readonly beforeId?: string;
  readonly limit: number;
}

export interface AttemptRepository {
  /**
   * Also inserts `events`; a live attempt's lease ends after `leaseMs`. A live attempt under the same service id, or the
   * same request id, rejects with `conflict`.
   */
  insert(attempt: Attempt, events: readonly ProgressEvent[], leaseMs: number): Promise<void>;
  find(id: string): Promise<Attempt | undefined>;
  /** Finds it and locks its row until the transaction ends. */
  lock(id: string): Promise<Attempt | undefined>;
  findLive(serviceId: string): Promise<Attempt | undefined>;
  /** Those of a principal that are live under a name, in any spelling. */
  liveUnder(name: string, actor: string): Promise<readonly Pick<Attempt, "id" | "serviceId">[]>;
  /** `actor`: the key of the principal whose request id it is. */
  findByRequestId(actor: string, requestId: string): Promise<Attempt | undefined>;
  list(filter: AttemptFilter): Promise<readonly AttemptSummary[]>;
  events(id: string, afterSequence: number): Promise<readonly ProgressEvent[]>;
  /**
   * The one way an attempt moves: changes `patch` and appends `events`, if the lease still holds and `lastSequence` is
   * what the caller believes. Resolves to false, changing nothing, when it is not.
   */
  advance(
    at: { readonly id: string; readonly lease: Lease; readonly lastSequence: number },
    patch: Partial<Pick<Attempt, "state" | "cursor" | "outcome" | "error" | "updatedAt">>,
    ...events: readonly ProgressEvent[]
  ): Promise<boolean>;
  requestCancel(id: string): Promise<void>;
  /** Ids, of those given, whose cancellation somebody asked for. */
  cancelRequested(ids: readonly string[]): Promise<readonly string[]>;
  /** Prolongs the leases `owner` still holds on those of the given attempts that are live. Resolves to the ids whose owner it is. */
  renewLeases(owner: string, ids: readonly string[], leaseMs: number): Promise<readonly string[]>;
  /** Takes live or STUCK attempts whose lease ended, but for those in `except`, with a new epoch. */
  claimExpired(owner: string, leaseMs: number, limit: number, except?: readonly string[]): Promise<readonly Attempt[]>;
  /** Ends every lease at once: for a store that only this process can use. */
  expireLeases(): Promise<void>;
  countByState(): Promise<Readonly<Partial<Record<AttemptState, number>>>>;
  /**
   * Deletes up to `limit` attempts that have ended for good, the oldest first, with their events: those with ids below
   * `belowId`, and those that changed nothing (outcome UNCHANGED) below `unchangedBelowId`. Resolves to how many.
   */
  prune(filter: { readonly belowId: string; readonly unchangedBelowId: string; readonly limit: number }): Promise<number>;
}

export interface InstanceRepository {
  /**
   * Locks, until the transaction ends, the row that has the key of this instance; the first claim makes it. It may be one of
   * another spelling, or of another name and host that give the same service id.
   */
  claim(key: InstanceKey): Promise<InstanceRow>;
  /** Gives the row of this very service id to this name, host and port. The caller has locked it. */
  replace(key: InstanceKey): Promise<void>;
  /** Takes the key from the row of this very spelling, so that another one can claim it. The caller has locked the row. */
  releaseKey(serviceId: string): Promise<void>;
  /** Locks the row that has the key of this service id, however it is spelled; undefined when none has. */
  lockKey(serviceId: string): Promise<InstanceRow | undefined>;
  /** The same without a lock. */
  find(serviceId: string): Promise<InstanceRow | undefined>;
  /** Locks the row of this very spelling. */
  lockId(serviceId: string): Promise<InstanceRow | undefined>;
  bumpGeneration(serviceId: string): Promise<void>;
  /** Up to `limit` rows that are registered and have no key: another spelling had it first, or an older program made them. */
  activeWithoutKey(limit: number): Promise<readonly InstanceRow[]>;
}

export interface RegistrationRepository {
  insert(registration: Registration): Promise<void>;
  find(id: string): Promise<Registration | undefined>;
  /** Those that there are, in no particular order; for at most a few hundred ids. */
  findAll(ids: readonly string[]): Promise<readonly Registration[]>;
  findActive(serviceId: string): Promise<Registration | undefined>;
  /** ACTIVE registrations whose health check dials this (`checkKeyOf`), in the order of their ids. */
  activeAt(checkKey: string): Promise<readonly Registration[]>;
  /**
   * What is ACTIVE under the instances that have these keys (`idKeyOf`), in one query, where no attempt is live and nothing waits for an
   * approval; `owner` is that of the name in all its spellings.
   */
  findSettled(idKeys: readonly string[]): Promise<readonly Settled[]>;
  /** The versions that are ACTIVE under a name, in any spelling. */
  liveVersions(name: string): Promise<readonly LiveVersion[]>;
  /** Whether another version than this one has ever been ACTIVE under a name, in any spelling. */
  hadOtherVersion(name: string, version: string): Promise<boolean>;
  /** ACTIVE registrations with an id above `afterId`, in the order of their ids. */
  listActive(afterId: string, limit: number): Promise<readonly Registration[]>;
  /** Becoming ACTIVE also makes `at` the time of registration. */
  setState(id: string, state: RegistrationState, at: number): Promise<void>;
  /** Sets the service that the health check asks for. */
  setHealthService(id: string, service: string): Promise<void>;
  deletePending(id: string): Promise<void>;
  /** Sets the desired tags. The caller holds the lock of the key. */
  setTags(id: string, tags: readonly string[], at: number): Promise<void>;
  /** Makes every ACTIVE and SUPERSEDED registration of the key UNREGISTERED; resolves to those it changed. */
  endAll(serviceId: string, at: number): Promise<readonly Registration[]>;
  /** How many registrations that are not UNREGISTERED, `exceptId` aside, stand on this schema version. */
  countUsing(artifactId: string, version: string, exceptId?: string): Promise<number>;
}

export interface CriticalRepository {
  find(registrationId: string): Promise<Critical | undefined>;
  list(): Promise<readonly Critical[]>;
  insert(critical: Critical): Promise<void>;
  delete(registrationId: string): Promise<void>;
}

/** What registration's changes are called in the audit. */
export type RegistrationAction =
  | "REGISTRATION_STARTED"
  | "REGISTERED"
  | "REGISTRATION_FAILED"
  | "REGISTRATION_HELD"
  | "CANCEL_REQUESTED"
  | "UNREGISTERED"
  | "TAGS_UPDATED"
  | "NAME_TRANSFERRED"
  | "NAME_RELEASED"
  | "ARTIFACT_SHARED"
  | "ARTIFACT_UNSHARED";

/** One open transaction, as registration uses it. */
export interface RegistrationTx extends CoreTx<RegistrationEvent, RegistrationAction> {
  readonly attempts: AttemptRepository;
  readonly instances: InstanceRepository;
  readonly names: NameRepository;
  readonly gate: GateRepository;
  readonly asks: AskRepository;
  readonly registrations: RegistrationRepository;
  readonly criticals: CriticalRepository;
  readonly schemas: SchemaRepository;
  readonly artifacts: ArtifactRepository;
  readonly registryVersions: RegistryVersionRepository;
}

export type RegistrationStore = Store<RegistrationTx>;
