/** The RPCs about deliveries. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  GetWebhookDeliveryResponseSchema,
  ListWebhookDeliveriesResponseSchema,
  RedeliverResponseSchema,
  ReplaySinceResponseSchema,
  SendTestResponseSchema,
  WebhookAttemptResult as WireResult,
  WebhookDeliveryState as WireState,
  type GetWebhookDeliveryRequest,
  type GetWebhookDeliveryResponse,
  type ListWebhookDeliveriesRequest,
  type ListWebhookDeliveriesResponse,
  type RedeliverRequest,
  type RedeliverResponse,
  type ReplaySinceRequest,
  type ReplaySinceResponse,
  type SendTestRequest,
  type SendTestResponse,
  type WebhookAttemptSchema,
  type WebhookDeliverySchema,
} from "../../../gen/muster/approval/v1/webhook_service_pb.ts";
import { getDelivery, listDeliveries, redeliver, sendTest } from "../../webhooks/deliveries.ts";
import type { WebhookDeps } from "../../webhooks/deps.ts";
import { replaySince } from "../../webhooks/endpoints.ts";
import { deliveryStates, type Attempt, type Delivery } from "../../webhooks/types.ts";
import { callerOf } from "../platform/caller.ts";
import { violations } from "../platform/check.ts";
import { paged, pageOf } from "../platform/page.ts";

export async function listSomeDeliveries(
  deps: WebhookDeps,
  request: ListWebhookDeliveriesRequest,
  context: HandlerContext,
): Promise<ListWebhookDeliveriesResponse> {
  const { endpointId, approvalId, state: wireState } = request;
  const bad = violations();
  const query = pageOf(request, callerOf(context).tenant, bad);
  bad.ascii("endpoint_id", endpointId, 128, false);
  bad.ascii("approval_id", approvalId, 128, false);
  const state = deliveryStates.find((name) => WireState[name] === wireState);
  if (wireState !== WireState.UNSPECIFIED && state === undefined) bad.add("state", "must be a known state");
  bad.done();
  const filter = { ...query, endpointId: endpointId || undefined, approvalId: approvalId || undefined, state };
  const { items, nextPageToken } = paged(await listDeliveries(deps, filter), query);
  return create(ListWebhookDeliveriesResponseSchema, { deliveries: items.map(deliveryOf), nextPageToken });
}

export async function getOneDelivery(deps: WebhookDeps, { id }: GetWebhookDeliveryRequest, context: HandlerContext): Promise<GetWebhookDeliveryResponse> {
  const bad = violations();
  bad.id("id", id);
  bad.done();
  return create(GetWebhookDeliveryResponseSchema, { delivery: deliveryOf(await getDelivery(deps, id, callerOf(context))) });
}

export async function redeliverOne(deps: WebhookDeps, { id }: RedeliverRequest, context: HandlerContext): Promise<RedeliverResponse> {
  const bad = violations();
  bad.id("id", id);
  bad.done();
  return create(RedeliverResponseSchema, { delivery: deliveryOf(await redeliver(deps, id, callerOf(context))) });
}

export async function replayAll(deps: WebhookDeps, { endpointId, since }: ReplaySinceRequest, context: HandlerContext): Promise<ReplaySinceResponse> {
  const bad = violations();
  bad.id("endpoint_id", endpointId);
  if (!since) bad.add("since", "is required");
  bad.time("since", since);
  bad.done();
  return create(ReplaySinceResponseSchema, { incomplete: await replaySince(deps, endpointId, since ? timestampMs(since) : 0, callerOf(context)) });
}

export async function testOne(deps: WebhookDeps, { endpointId }: SendTestRequest, context: HandlerContext): Promise<SendTestResponse> {
  const bad = violations();
  bad.id("endpoint_id", endpointId);
  bad.done();
  return create(SendTestResponseSchema, { delivery: deliveryOf(await sendTest(deps, endpointId, callerOf(context))) });
}

function deliveryOf(delivery: Delivery): MessageInitShape<typeof WebhookDeliverySchema> {
  const { id, endpointId, approvalId, sequence, eventId, eventType, state, detail, body, attempts, createdAt, nextAt } = delivery;
  return {
    id,
    endpointId,
    approvalId,
    sequence: BigInt(sequence),
    eventId,
    eventType,
    state: WireState[state],
    detail,
    body,
    attempts: attempts.map(attemptOf),
    createdAt: timestampFromMs(createdAt),
    ...(nextAt === undefined ? {} : { nextAt: timestampFromMs(nextAt) }),
  };
}

function attemptOf({ at, ms, result, status, answer, error, address, isManual }: Attempt): MessageInitShape<typeof WebhookAttemptSchema> {
  return { at: timestampFromMs(at), took: durationFromMs(ms), result: WireResult[result], status, answer, error, address, manual: isManual };
}
