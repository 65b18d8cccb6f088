/** Reading deliveries, and sending one by hand. Everything is of the caller's tenant. */
import { attempt, withAttempt } from "./attempt.ts";
import { testBody, testType } from "./body.ts";
import type { WebhookDeps } from "./deps.ts";
import { audit, type By } from "./endpoints.ts";
import { noDelivery, noEndpoint } from "./errors.ts";
import type { DeliveryFilter, WebhookTx } from "./records.ts";
import { sendTask } from "./task-types.ts";
import type { Delivery } from "./types.ts";

export function listDeliveries({ store }: Pick<WebhookDeps, "store">, filter: DeliveryFilter): Promise<readonly Delivery[]> {
  return store.tx((tx) => tx.webhookDeliveries.list(filter));
}

export async function getDelivery({ store }: Pick<WebhookDeps, "store">, id: string, { tenant }: By): Promise<Delivery> {
  const delivery = await store.tx((tx) => tx.webhookDeliveries.find(tenant, id));
  if (!delivery) throw noDelivery(id);
  return delivery;
}

/** Sends a delivery once more; resolves after the attempt, or after some seconds. */
export async function redeliver(deps: WebhookDeps, id: string, by: By): Promise<Delivery> {
  const taskId = await deps.store.tx(async (tx) => {
    const delivery = await tx.webhookDeliveries.find(by.tenant, id);
    if (!delivery) throw noDelivery(id);
    const endpoint = await tx.webhookEndpoints.lock(by.tenant, delivery.endpointId);
    if (!endpoint) throw noEndpoint(delivery.endpointId);
    await audit(tx, endpoint, "WEBHOOK_REDELIVERED", by, await tx.webhookClock.now(), { delivery_id: id, event_id: delivery.eventId });
    return insertTask(tx, deps, id, by);
  });
  await deps.runTask(taskId);
  return getDelivery(deps, id, by);
}

/** Sends a test event; resolves after the attempt, or after some seconds. */
export async function sendTest(deps: WebhookDeps, endpointId: string, by: By): Promise<Delivery> {
  const { ids, store } = deps;
  const begun = await store.tx(async (tx) => {
    const endpoint = await tx.webhookEndpoints.lock(by.tenant, endpointId);
    if (!endpoint) throw noEndpoint(endpointId);
    const now = await tx.webhookClock.now();
    const eventId = `test-${ids.next()}`;
    const about = { tenant: by.tenant, endpointId, approvalId: "", sequence: 0, eventId, eventType: testType };
    const delivery = await tx.webhookDeliveries.begin({
      id: ids.next(),
      ...about,
      state: "PENDING",
      detail: "",
      body: testBody(eventId, by.key, now),
      createdAt: now,
      nextAt: now,
    });
    await audit(tx, endpoint, "WEBHOOK_TESTED", by, now, { delivery_id: delivery.id });
    return { id: delivery.id, taskId: await insertTask(tx, deps, delivery.id, by) };
  });
  await deps.runTask(begun.taskId);
  return getDelivery(deps, begun.id, by);
}

async function insertTask(tx: WebhookTx, { ids }: WebhookDeps, deliveryId: string, { tenant }: By): Promise<string> {
  const id = ids.next();
  await tx.tasks.insert(sendTask, { id, payload: { tenant, deliveryId } });
  return id;
}

/** The work of `sendTask`: one attempt, which does not count in the order of its request. */
export async function sendOnce(
  deps: WebhookDeps,
  { tenant, deliveryId }: { readonly tenant: string; readonly deliveryId: string },
  signal: AbortSignal,
): Promise<void> {
  const ready = await deps.store.tx(async (tx) => {
    const delivery = await tx.webhookDeliveries.find(tenant, deliveryId);
    const endpoint = delivery && (await tx.webhookEndpoints.find(tenant, delivery.endpointId));
    if (!endpoint) return undefined;
    const secrets = endpoint.secretId === undefined ? [] : await tx.webhookSecrets.values(tenant, endpoint.secretId);
    const traceparent = delivery.approvalId === "" ? undefined : await deps.source.traceOf(tx, delivery.approvalId, delivery.sequence);
    return { delivery, endpoint, secrets, traceparent };
  });
  if (!ready) return;
  const end = await attempt(deps, ready, true, signal);
  await deps.store.tx(async (tx) => {
    const delivery = await tx.webhookDeliveries.lock(deliveryId);
    if (!delivery) return;
    const ended = withAttempt(delivery, end);
    if (end.result === "DELIVERED") await tx.webhookDeliveries.update({ ...ended, state: "DELIVERED", detail: "", nextAt: undefined });
    else if (delivery.approvalId !== "") await tx.webhookDeliveries.update(ended);
    else await tx.webhookDeliveries.update({ ...ended, state: "GIVEN_UP", detail: "a test is sent once", nextAt: undefined });
  });
}
