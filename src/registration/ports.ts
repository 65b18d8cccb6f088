/** The ports of registration: the catalog, the schema registry, and the instances themselves. Failures are as `kernel/ports.ts` says. */
import type { Pingable } from "../kernel/ports.ts";
import type { CheckTarget, Endpoint, HealthVerdict, ModuleDescription, ServiceType } from "./types.ts";

/** What is written to the catalog for one instance. `attemptId` says which attempt made it. */
export interface CatalogEntry {
  readonly serviceId: string;
  readonly attemptId: string;
  readonly name: string;
  readonly type: ServiceType;
  readonly version: string;
  /** What consumers are shown: the advertised host as given, and port. */
  readonly address: string;
  readonly port: number;
  readonly tags: readonly string[];
  /** Request metadata as given; the adapter sanitises keys and adds its own. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What the catalog's gRPC health check dials, and which service it asks for. */
  readonly check: CheckTarget;
  /** Once serving, it is removed when it was critical for so long, at least a minute; default ten. */
  readonly removeAfterMs?: number;
}

export interface CatalogInstance {
  readonly serviceId: string;
  readonly name: string;
  /** The attempt that made it; undefined for an entry that is not ours. */
  readonly attemptId: string | undefined;
  readonly address: string;
  readonly port: number;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly status: "passing" | "warning" | "critical" | "maintenance";
  /** True for what no consumer may be sent to: an attempt still tries it. */
  readonly onTrial: boolean;
  /** Ids and state of the checks that stand behind `status`. */
  readonly checks: readonly { readonly id: string; readonly status: string; readonly output: string }[];
}

export type EntryPart = "name" | "address" | "tags" | "metadata" | "check";

/** The whole catalog at one moment. */
export interface CatalogSnapshot {
  /** What `instances({})` returns. An instance that has not changed is the same object as in the snapshot before, and so is the array. */
  readonly instances: readonly CatalogInstance[];
  /** Epoch milliseconds at which the catalog was known to be so; undefined: it is so until the next snapshot comes. */
  readonly at: number | undefined;
}

/**
 * The catalog that consumers discover from.
 *
 * An attempt first puts its entry *on trial*: the catalog's own check runs against it, but consumers that ask for
 * passing instances see nothing new, and a former entry with the same service id keeps serving untouched. `promote`
 * makes the trial entry the serving one. Every operation is idempotent, keyed by (serviceId, attemptId), and may be
 * called by another process than the one that made the trial.
 */
export interface Catalog extends Pingable, AsyncDisposable {
  /**
   * Puts the entry on trial; again, with another `check`, it is that from then on. Resolves when the catalog has accepted it and its
   * checks. `share` says whose trial it is, here and in `awaitPassing`: those of one caller that last do not make others' pass later.
   */
  register(entry: CatalogEntry, signal: AbortSignal, share?: string): Promise<void>;
  /** The checks of this attempt's trial as the catalog itself has them; empty when there is no such trial. */
  trialChecks(serviceId: string, attemptId: string, signal: AbortSignal): Promise<CatalogInstance["checks"]>;
  /** Resolves when the catalog's own check of this trial has passed once. Rejects only by `signal` or `unavailable`. */
  awaitPassing(serviceId: string, attemptId: string, signal: AbortSignal, share?: string): Promise<void>;
  /**
   * Makes `entry` the serving one for its service id, checked steadily and passing from the first moment, and removes
   * the trial. Also used to put a former entry back. Resolves when a read of the catalog shows it passing.
   */
  promote(entry: CatalogEntry, signal: AbortSignal): Promise<void>;
  /** Removes what `attemptId` made under this service id: its trial, and the serving entry only if that attempt made it. */
  deregister(serviceId: string, attemptId: string, signal: AbortSignal): Promise<void>;
  /**
   * Serving entries and fresh trials under their own service id, in no particular order. By service id alone: what was
   * written last, which consumers may not be shown yet, or not any more; with the name as well, by the name or of everything:
   * what consumers are shown.
   */
  instances(filter: { readonly serviceId?: string; readonly name?: string }, signal: AbortSignal): Promise<readonly CatalogInstance[]>;
  /**
   * The whole catalog at once, again after each change, and now and then unchanged with a later `at`. A slow reader skips
   * snapshots and gets the newest. While the catalog cannot be reached nothing comes: an instance is missing only when
   * the catalog, being well, does not have it. Ends by its signal alone, without an error.
   */
  watch(signal: AbortSignal): AsyncIterable<CatalogSnapshot>;
  /** In what a serving entry, as `instances` returns it, differs from what `promote(entry)` writes; makes no call. */
  differences(entry: CatalogEntry, listed: CatalogInstance): readonly EntryPart[];
  /**
   * Epoch milliseconds of the latest result of the serving entry's check; undefined when there is none, and where the catalog
   * keeps no times: its snapshots, which have a time then, are what confirms a state.
   */
  lastChecked(serviceId: string): number | undefined;
}

export type SchemaKind = "JSON" | "OPENAPI";

export interface SchemaDocument {
  readonly artifactId: string;
  /** `^[A-Za-z0-9._+-]{1,256}$` */
  readonly version: string;
  readonly kind: SchemaKind;
  /** The exact text; what is stored is byte for byte this. */
  readonly content: string;
}

export interface SchemaRegistry extends Pingable, AsyncDisposable {
  /**
   * Resolves when exactly this content is enabled under exactly this version; safe to repeat. A version that was
   * disabled and has the same content is enabled again. `created` is true when this call made the version visible.
   * Another content under the version rejects with kind `wrong_state`, reason SCHEMA_VERSION_CONFLICT.
   * Versions made here carry `attemptId` as a label.
   */
  put(document: SchemaDocument, attemptId: string, signal: AbortSignal): Promise<{ readonly created: boolean }>;
  /** The enabled content, or undefined when the version does not exist or is disabled. */
  get(artifactId: string, version: string, signal: AbortSignal): Promise<string | undefined>;
  /** Enabled version names, oldest first; empty when the artifact does not exist. */
  versions(artifactId: string, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Disables a version that Muster made (one that carries our label); others are left alone. Safe to repeat.
   * Resolves to false when there is no such version.
   */
  disable(artifactId: string, version: string, signal: AbortSignal): Promise<boolean>;
}

/** Calls to exactly one instance, one connection a call, nothing reused. */
export interface ModuleClient {
  /** `GetServiceRegistration`. Rejects with a CALLBACK_* reason; never longer than its own limit of 5 s. */
  describe(endpoint: Endpoint, signal: AbortSignal): Promise<ModuleDescription>;
  /** `grpc.health.v1.Health/Check` for the target's service. Never rejects but by `signal`; at most 2 s. */
  health(target: CheckTarget, signal: AbortSignal): Promise<HealthVerdict>;
}

/** Where an instance says that it serves a document. */
export interface DocumentPlace {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Begins with one `/`; may have a query. */
  readonly path: string;
}

/** Documents that instances serve over HTTP. */
export interface DocumentSource {
  /**
   * The text there. The host is resolved and judged like every host of a request, and exactly the address judged is
   * connected to; nothing else is, so a redirect is a failure. At most 1 MiB in at most 5 s. Rejects with OPENAPI_FETCH_FAILED
   * (`unavailable` when nothing answered), HOST_DENIED, HOST_UNRESOLVABLE or SCHEMA_TOO_LARGE, and as `ResolveHost` does. The lookup is
   * one of the caller with this share.
   */
  fetch(place: DocumentPlace, share: string, signal: AbortSignal): Promise<string>;
}
