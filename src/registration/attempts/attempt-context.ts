import type { Catalog, CatalogEntry, DocumentSource, ModuleClient, SchemaDocument, SchemaRegistry } from "../ports.ts";
import { capabilityTags } from "../tags.ts";
import type { GateState } from "../gate/gate-records.ts";
import type { Gate } from "../gate/gate-types.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { Step } from "../../kernel/saga.ts";
import type { Attempt, RegistrationStore, RegistrationTx } from "../records.ts";
import type { SchemaCompare, StoredComparison } from "../schemas/schema-records.ts";
import type { SchemaCheck } from "../../schema-diff/schema-text.ts";
import type { CheckTarget, Endpoint, EventType, ModuleDescription, Outcome, RegisterInput } from "../types.ts";

/** What the use cases of registration are given. */
export interface RegistrationPorts {
  readonly store: RegistrationStore;
  readonly catalog: Catalog;
  readonly schemas: SchemaRegistry;
  readonly module: ModuleClient;
  readonly documents: DocumentSource;
  /** Registration's own checks and comparisons, and those of queries, which hold up none of them. */
  readonly checkSchema: SchemaCheck;
  readonly compareSchemas: SchemaCompare;
  readonly schemaQueries: { readonly checkSchema: SchemaCheck; readonly compareSchemas: SchemaCompare };
  /** Why an address may not be dialled by what the configuration says now; undefined when it may. */
  readonly judge: (address: string) => string | undefined;
  readonly gate: Gate;
  readonly clock: Clock;
}

/** What a step reports: the event's text and data, and what must be written together with the event. */
export interface Note {
  readonly message: string;
  readonly serviceId?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly outcome?: Outcome;
  /** Runs in the transaction that records the event. */
  readonly alongside?: (tx: RegistrationTx) => Promise<void>;
}

/** The schema that a registration stands on, checked: a configuration schema, or a service's OpenAPI document. */
export interface CheckedSchema extends SchemaDocument {
  readonly sha256: string;
  readonly synthesised: boolean;
  /** `module`: from the callback, `request`: in the request, `fetched`: from the instance's HTTP endpoint. */
  readonly source: "module" | "synthesised" | "request" | "fetched";
  /** What is odd about it, though it is acceptable: a few lines of text. */
  readonly warnings?: readonly string[];
  readonly comparison: StoredComparison | undefined;
}

/** Where the schema of a service type comes from. */
export interface SchemaSource {
  /** Whether the instance is called back, and so describes itself. */
  readonly describes: boolean;
  /** `description` is there if it `describes`. Rejects when there is no acceptable schema. */
  take(
    about: Pick<AttemptContext, "attempt" | "share" | "ports">,
    description: ModuleDescription | undefined,
    signal: AbortSignal,
  ): Promise<Omit<CheckedSchema, "comparison">>;
}

/** What the steps of one attempt share: see `work.ts`. Each rejects with the signal's reason when that aborts first. */
export interface Work {
  /** Calls the module back. */
  describe(signal: AbortSignal): Promise<ModuleDescription>;
  /** Takes the schema, checks it and compares it with the version before. */
  schema(signal: AbortSignal): Promise<CheckedSchema>;
  /** Whether it may go live now, in this transaction or an earlier one. Resolves to what `confirm` is given, and rejects, as the gate's `admit` does. */
  admit(tx: RegistrationTx): Promise<GateState>;
  /** Judges that again in the transaction that makes it ACTIVE. */
  confirm(tx: RegistrationTx, since: GateState): Promise<void>;
  /** Saves the registration as PENDING, with its schema version, when it may go live. */
  save(signal: AbortSignal): Promise<void>;
  /** Puts the saved schema version into the schema registry. */
  publish(signal: AbortSignal): Promise<Published>;
  /** What this process may have put into the schema registry. */
  attempted(): CheckedSchema | undefined;
}

/** What the steps of one attempt are given. */
export interface AttemptContext {
  readonly attempt: Attempt;
  /** Whose share of the server it uses: see `Caller`. */
  readonly share: string;
  readonly ports: RegistrationPorts;
  /** What this attempt puts into the catalog, as it is known now. */
  readonly entry: CatalogEntry;
  /** Which service the health check asks for from now on; undefined: the server as a whole. */
  readonly checkService: (service: string | undefined) => void;
  readonly work: Work;
  /** Records and shows an event that is not the end of a step. */
  readonly report: (event: EventType, note: Note) => Promise<void>;
}

/** How an attempt's events and rows are written. */
export interface AttemptWriter extends Pick<AttemptContext, "report"> {
  /** Writes what belongs to no event yet, in a transaction fenced by the attempt's lease. */
  alone(work: (tx: RegistrationTx) => Promise<void>): Promise<void>;
}

export interface Published {
  readonly schema: CheckedSchema;
  /** False when the registry had it already. */
  readonly created: boolean;
}

export type RegistrationStep = Step<AttemptContext, EventType, Note> & {
  /** Whether an attempt of this request takes the step; every one does when this is absent. */
  readonly appliesTo?: (request: RegisterInput) => boolean;
};

/** The catalog entry that a request asks for, made by `attemptId`; without `tags`, with those of the request. */
export function entryOf(request: RegisterInput, { attemptId, serviceId, address, tags = request.tags, healthService }: EntryFacts): CatalogEntry {
  return {
    serviceId,
    attemptId,
    name: request.name,
    type: request.type,
    version: request.version,
    address: request.connectivity.advertisedHost,
    port: request.connectivity.advertisedPort,
    tags: [...tags, ...capabilityTags(request)],
    metadata: request.metadata,
    check: checkOf(request, address, healthService),
  };
}

/** What is not in the request. */
interface EntryFacts {
  readonly attemptId: string;
  readonly serviceId: string;
  readonly address: string;
  readonly tags?: readonly string[];
  readonly healthService?: string | undefined;
}

/** What the health check of an instance dials and asks for. */
export function checkOf(request: RegisterInput, address: string, service: string | undefined): CheckTarget {
  return { ...endpointOf(request, address), ...(service === undefined ? {} : { service }) };
}

/** Where the instance is called and checked: its internal address where it has one, else the advertised one. */
export function endpointOf(request: RegisterInput, address: string): Endpoint {
  const { connectivity } = request;
  return {
    address,
    port: connectivity.internalPort ?? connectivity.advertisedPort,
    tls: connectivity.tlsEnabled,
    serverName: connectivity.internalHost ?? connectivity.advertisedHost,
  };
}
