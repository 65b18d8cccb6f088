/** What the store keeps for webhooks. Times are epoch milliseconds by the database's clock. */
import type { Store } from "../kernel/ports.ts";
import type { CoreTx } from "../kernel/records.ts";
import type { SecretValues } from "../kernel/signed-body.ts";
import type { Cursor, Delivery, DeliveryState, Endpoint, Secret } from "./types.ts";

/** Newest first. */
export interface PageQuery {
  readonly tenant: string;
  /** Only those before this id. */
  readonly beforeId?: string | undefined;
  readonly limit: number;
}

/** An endpoint that is sent the events of a request. */
export interface Listener {
  readonly endpoint: Endpoint;
  /** It still has to be sent some of them. */
  readonly hasCursor: boolean;
}

/** An endpoint or callback that a secret signs for. */
export interface SignedEndpoint extends Pick<Endpoint, "id" | "approvalId"> {
  /** It still has to be sent something. */
  readonly isWaiting: boolean;
}

export interface EndpointRepository {
  insert(endpoint: Endpoint): Promise<void>;
  find(tenant: string, id: string): Promise<Endpoint | undefined>;
  lock(tenant: string, id: string): Promise<Endpoint | undefined>;
  update(endpoint: Endpoint): Promise<void>;
  /** With its cursors; deliveries that wait are given up. */
  delete(tenant: string, id: string): Promise<void>;
  /** Those of the tenant, or the callbacks of one request. */
  list(query: PageQuery & { readonly approvalId: string | undefined }): Promise<readonly Endpoint[]>;
  count(tenant: string, approvalId: string | undefined): Promise<number>;
  /** Endpoints and callbacks that a secret signs for. */
  signedBy(secretId: string, query: PageQuery): Promise<readonly SignedEndpoint[]>;
  /** The enabled ones of a tenant and the enabled callbacks of the request. */
  listeners(tenant: string, approvalId: string): Promise<readonly Listener[]>;
}

export interface SecretRepository {
  insert(secret: Secret, value: string): Promise<void>;
  find(tenant: string, id: string): Promise<Secret | undefined>;
  /** Whether there is such a secret; it is not deleted before this transaction ends. */
  keep(tenant: string, id: string): Promise<boolean>;
  /** Whether there is such a secret; nobody takes it for an endpoint before this transaction ends. */
  lock(tenant: string, id: string): Promise<boolean>;
  delete(tenant: string, id: string): Promise<void>;
  /** The values that sign now. */
  values(tenant: string, id: string): Promise<SecretValues>;
  /** Makes the present value the former one, for `formerForMs` from now; false when there is no such secret. */
  rotate(tenant: string, id: string, value: string, formerForMs: number): Promise<boolean>;
  list(query: PageQuery): Promise<readonly Secret[]>;
  count(tenant: string): Promise<number>;
}

export interface CursorRepository {
  insert(cursor: Omit<Cursor, "run" | "tries" | "dueAt">): Promise<void>;
  lock(endpointId: string, approvalId: string): Promise<(Cursor & { readonly now: number }) | undefined>;
  /** Raises `wanted`; false when there is no cursor. */
  raise(endpointId: string, approvalId: string, wanted: number): Promise<boolean>;
  /** Gives the cursor to another task, due at once, which begins after `acked`, or goes on where it is. */
  hand(endpointId: string, approvalId: string, taskId: string, acked?: number): Promise<void>;
  /** Moves a cursor that this transaction has locked. */
  move(cursor: Pick<Cursor, "endpointId" | "approvalId" | "run" | "acked" | "tries" | "dueAt">): Promise<void>;
  /** Deletes the cursor, unless more is wanted by now. */
  finish(cursor: Pick<Cursor, "endpointId" | "approvalId" | "wanted">): Promise<boolean>;
  /** Of all tenants. */
  count(): Promise<number>;
}

export interface DeliveryFilter extends PageQuery {
  readonly endpointId?: string | undefined;
  readonly approvalId?: string | undefined;
  readonly state?: DeliveryState | undefined;
}

export interface DeliveryRepository {
  /** The delivery of an event; the one there is, when it was begun before. */
  begin(delivery: Omit<Delivery, "attempts">): Promise<Delivery>;
  find(tenant: string, id: string): Promise<Delivery | undefined>;
  lock(id: string): Promise<Delivery | undefined>;
  /** Writes state, detail, attempts and when it is tried again. */
  update(delivery: Delivery): Promise<void>;
  /** Without bodies. */
  list(filter: DeliveryFilter): Promise<readonly Delivery[]>;
  /** Deletes those that were begun more than `ageMs` ago, at most `limit`; resolves to their number. */
  prune(ageMs: number, limit: number): Promise<number>;
}

export type WebhookAction =
  | "WEBHOOK_CREATED"
  | "WEBHOOK_UPDATED"
  | "WEBHOOK_DISABLED"
  | "WEBHOOK_DELETED"
  | "WEBHOOK_REPLAYED"
  | "WEBHOOK_REDELIVERED"
  | "WEBHOOK_TESTED"
  | "SECRET_CREATED"
  | "SECRET_ROTATED"
  | "SECRET_DELETED";

export interface WebhookTx extends CoreTx<never, WebhookAction> {
  readonly webhookEndpoints: EndpointRepository;
  readonly webhookSecrets: SecretRepository;
  readonly webhookCursors: CursorRepository;
  readonly webhookDeliveries: DeliveryRepository;
  readonly webhookClock: { now(): Promise<number> };
}

export type WebhookStore = Store<WebhookTx>;
