/** Use cases of endpoints and callbacks. Everything is of the caller's tenant. */
import type { Caller } from "../kernel/caller.ts";
import { type FieldViolation, invalidFields } from "../kernel/errors.ts";
import type { WebhookDeps } from "./deps.ts";
import { endpointDisabled, endpointSubject, limitReached, noEndpoint } from "./errors.ts";
import { subjectViolation } from "./filter.ts";
import type { PageQuery, WebhookAction, WebhookTx } from "./records.ts";
import { makeSecret } from "./secrets.ts";
import { replayTask } from "./task-types.ts";
import type { Endpoint } from "./types.ts";
import { urlViolation } from "./url.ts";

export type By = Pick<Caller, "tenant" | "key">;

const mostEndpoints = 100;
const mostCallbacks = 10;
const mostInFilter = 50;

export interface EndpointInput {
  readonly url: string;
  readonly types: readonly string[];
  readonly subjects: readonly string[];
  /** Empty for a new one. */
  readonly secretId: string;
  readonly description: string;
}

/** `secret`: the value of its new secret, which nothing shows again. */
export async function createEndpoint(
  deps: WebhookDeps,
  { secretId, ...input }: EndpointInput,
  by: By,
): Promise<{ readonly endpoint: Endpoint; readonly secret: string }> {
  const { ids, store } = deps;
  const { tenant, key } = by;
  return store.tx(async (tx) => {
    await check(tx, deps, { ...input, ...(secretId === "" ? {} : { secretId }) }, by, true);
    if ((await tx.webhookEndpoints.count(tenant, undefined)) >= mostEndpoints) {
      throw limitReached(`the tenant has ${mostEndpoints} endpoints already`, { type: "tenant", name: tenant });
    }
    const now = await tx.webhookClock.now();
    const made = secretId === "" ? await makeSecret(tx, deps, { description: "", value: "" }, by, now) : undefined;
    const own = { id: ids.next(), tenant, approvalId: undefined, secretId: made?.secret.id ?? secretId };
    const endpoint: Endpoint = { ...input, ...own, createdBy: key, createdAt: now, disabled: undefined };
    await tx.webhookEndpoints.insert(endpoint);
    await audit(tx, endpoint, "WEBHOOK_CREATED", by, now, { url: placeOf(endpoint.url), secret_id: own.secretId });
    return { endpoint, secret: made?.value ?? "" };
  });
}

export interface EndpointChange {
  readonly url?: string | undefined;
  readonly filter?: Pick<Endpoint, "types" | "subjects"> | undefined;
  readonly secretId?: string | undefined;
  readonly description?: string | undefined;
  readonly isEnabled?: boolean | undefined;
}

export async function updateEndpoint(deps: WebhookDeps, id: string, change: EndpointChange, by: By): Promise<Endpoint> {
  const { url, filter, secretId, description, isEnabled } = change;
  return deps.store.tx(async (tx) => {
    const former = await tx.webhookEndpoints.lock(by.tenant, id);
    if (!former) throw noEndpoint(id);
    const isSigned = (secretId ?? former.secretId) !== undefined;
    await check(tx, deps, { ...(url === undefined ? {} : { url }), ...filter, ...(secretId === undefined ? {} : { secretId }) }, by, isSigned);
    const now = await tx.webhookClock.now();
    const disabled = isEnabled === undefined ? former.disabled : isEnabled ? undefined : (former.disabled ?? { at: now, why: "an admin disabled it" });
    const endpoint: Endpoint = {
      ...former,
      ...filter,
      url: url ?? former.url,
      secretId: secretId ?? former.secretId,
      description: description ?? former.description,
      disabled,
    };
    await tx.webhookEndpoints.update(endpoint);
    const given = Object.entries({ url, filter, secret_id: secretId, description, enabled: isEnabled }).flatMap(([name, value]) =>
      value === undefined ? [] : name,
    );
    const detail = { changed: given.join(","), ...(isEnabled === undefined ? {} : { enabled: `${isEnabled}` }), url: placeOf(endpoint.url) };
    await audit(tx, endpoint, "WEBHOOK_UPDATED", by, now, detail);
    return endpoint;
  });
}

export async function deleteEndpoint({ store }: WebhookDeps, id: string, by: By): Promise<void> {
  await store.tx(async (tx) => {
    const endpoint = await tx.webhookEndpoints.lock(by.tenant, id);
    if (!endpoint) throw noEndpoint(id);
    await tx.webhookEndpoints.delete(by.tenant, id);
    await audit(tx, endpoint, "WEBHOOK_DELETED", by, await tx.webhookClock.now(), { url: placeOf(endpoint.url) });
  });
}

export async function getEndpoint({ store }: Pick<WebhookDeps, "store">, id: string, { tenant }: By): Promise<Endpoint> {
  const endpoint = await store.tx((tx) => tx.webhookEndpoints.find(tenant, id));
  if (!endpoint) throw noEndpoint(id);
  return endpoint;
}

/** The tenant's endpoints, or the callbacks of one request. */
export function listEndpoints({ store }: Pick<WebhookDeps, "store">, query: PageQuery, approvalId: string | undefined): Promise<readonly Endpoint[]> {
  return store.tx((tx) => tx.webhookEndpoints.list({ ...query, approvalId }));
}

/** Begins to send events since a time again. True when the log had pruned some of them. */
export async function replaySince({ store, ids }: WebhookDeps, id: string, since: number, by: By): Promise<boolean> {
  return store.tx(async (tx) => {
    const endpoint = await tx.webhookEndpoints.lock(by.tenant, id);
    if (!endpoint) throw noEndpoint(id);
    if (endpoint.disabled) throw endpointDisabled(id);
    const { pruned, events } = await tx.eventLog.read({ after: 0, limit: 1, types: [], subject: undefined });
    await tx.tasks.insert(replayTask, { id: ids.next(), payload: { tenant: by.tenant, endpointId: id, since, after: 0 } });
    await audit(tx, endpoint, "WEBHOOK_REPLAYED", by, await tx.webhookClock.now(), { since: new Date(since).toISOString() });
    return pruned > 0 && since < (events[0]?.at ?? Number.POSITIVE_INFINITY);
  });
}

export interface Callback {
  readonly url: string;
  /** Empty for none. */
  readonly secretId: string;
}

/** Adds the callback of a request, in the transaction that opens or joins it. One that is there already stays. `approvalId` undefined only checks it. */
export async function addCallback(
  tx: WebhookTx,
  deps: Pick<WebhookDeps, "ids" | "hosts" | "source">,
  approvalId: string | undefined,
  callback: Callback,
  by: By,
): Promise<void> {
  const { url, secretId } = callback;
  await check(tx, deps, { url, ...(secretId === "" ? {} : { secretId }) }, by, secretId !== "", "callback.");
  if (approvalId === undefined) return;
  const { tenant, key } = by;
  const there = await tx.webhookEndpoints.list({ tenant, approvalId, limit: mostCallbacks });
  if (there.some((one) => one.url === url && one.secretId === (secretId || undefined))) return;
  if (there.length >= mostCallbacks) throw limitReached(`the request has ${mostCallbacks} callbacks already`, { type: "approval", name: approvalId });
  const now = await tx.webhookClock.now();
  const own = { id: deps.ids.next(), tenant, approvalId, url, types: [], subjects: [], secretId: secretId || undefined, description: "" };
  const endpoint: Endpoint = { ...own, createdBy: key, createdAt: now, disabled: undefined };
  await tx.webhookEndpoints.insert(endpoint);
  await audit(tx, endpoint, "WEBHOOK_CREATED", by, now, { url: placeOf(url), approval_id: approvalId, ...(secretId === "" ? {} : { secret_id: secretId }) });
}

/** Throws INVALID_FIELDS with everything that is wrong; what is left out is not checked. */
async function check(
  tx: WebhookTx,
  { hosts, source }: Pick<WebhookDeps, "hosts" | "source">,
  { url, types = [], subjects = [], secretId }: Partial<Pick<EndpointInput, "url" | "types" | "subjects" | "secretId">>,
  { tenant }: By,
  isSigned: boolean,
  at = "",
): Promise<void> {
  const bad: FieldViolation[] = [];
  const add = (field: string, description: string | undefined): void => {
    if (description !== undefined) bad.push({ field: `${at}${field}`, description });
  };
  if (url !== undefined) add("url", urlViolation(url, isSigned, hosts));
  if (types.length > mostInFilter) add("types", `must be at most ${mostInFilter}`);
  else types.forEach((type, i) => add(`types[${i}]`, source.types.includes(type) ? undefined : `must be one of ${source.types.join(", ")}`));
  if (subjects.length > mostInFilter) add("subjects", `must be at most ${mostInFilter}`);
  else subjects.forEach((subject, i) => add(`subjects[${i}]`, subjectViolation(subject)));
  if (secretId !== undefined && !(await tx.webhookSecrets.keep(tenant, secretId))) add("secret_id", "is no webhook secret of the tenant");
  if (bad.length > 0) throw invalidFields(bad);
}

/** A URL without its path, which may be a secret. */
export function placeOf(url: string): string {
  return new URL(url).origin;
}

export function audit(
  tx: WebhookTx,
  { id, tenant }: Endpoint,
  action: WebhookAction,
  { key }: By,
  at: number,
  detail: Readonly<Record<string, string>>,
): Promise<void> {
  return tx.audit.append({ subject: endpointSubject(id), at, actor: key, action, detail: { tenant, ...detail } });
}
