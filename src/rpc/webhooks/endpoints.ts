/** The RPCs about endpoints. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  CreateWebhookEndpointResponseSchema,
  DeleteWebhookEndpointResponseSchema,
  GetWebhookEndpointResponseSchema,
  ListWebhookEndpointsResponseSchema,
  UpdateWebhookEndpointResponseSchema,
  type CreateWebhookEndpointRequest,
  type CreateWebhookEndpointResponse,
  type DeleteWebhookEndpointRequest,
  type DeleteWebhookEndpointResponse,
  type GetWebhookEndpointRequest,
  type GetWebhookEndpointResponse,
  type ListWebhookEndpointsRequest,
  type ListWebhookEndpointsResponse,
  type UpdateWebhookEndpointRequest,
  type UpdateWebhookEndpointResponse,
  type WebhookEndpointSchema,
} from "../../../gen/muster/approval/v1/webhook_service_pb.ts";
import type { WebhookDeps } from "../../webhooks/deps.ts";
import { createEndpoint, deleteEndpoint, getEndpoint, listEndpoints, updateEndpoint } from "../../webhooks/endpoints.ts";
import type { Endpoint } from "../../webhooks/types.ts";
import { callerOf } from "../platform/caller.ts";
import { violations } from "../platform/check.ts";
import { paged, pageOf } from "../platform/page.ts";

const maxDescription = 255;

export async function createOne(deps: WebhookDeps, request: CreateWebhookEndpointRequest, context: HandlerContext): Promise<CreateWebhookEndpointResponse> {
  const { url, types, subjects, secretId, description } = request;
  const bad = violations();
  bad.text("description", description, maxDescription);
  bad.ascii("secret_id", secretId, 128, false);
  bad.done();
  const { endpoint, secret } = await createEndpoint(deps, { url, types, subjects, secretId, description }, callerOf(context));
  return create(CreateWebhookEndpointResponseSchema, { endpoint: endpointOf(endpoint), secret });
}

export async function getOne(deps: WebhookDeps, { id }: GetWebhookEndpointRequest, context: HandlerContext): Promise<GetWebhookEndpointResponse> {
  const bad = violations();
  bad.id("id", id);
  bad.done();
  return create(GetWebhookEndpointResponseSchema, { endpoint: endpointOf(await getEndpoint(deps, id, callerOf(context))) });
}

export async function listSome(deps: WebhookDeps, request: ListWebhookEndpointsRequest, context: HandlerContext): Promise<ListWebhookEndpointsResponse> {
  const bad = violations();
  const query = pageOf(request, callerOf(context).tenant, bad);
  bad.ascii("approval_id", request.approvalId, 128, false);
  bad.done();
  const { items, nextPageToken } = paged(await listEndpoints(deps, query, request.approvalId || undefined), query);
  return create(ListWebhookEndpointsResponseSchema, { endpoints: items.map(endpointOf), nextPageToken });
}

export async function updateOne(deps: WebhookDeps, request: UpdateWebhookEndpointRequest, context: HandlerContext): Promise<UpdateWebhookEndpointResponse> {
  const { id, url, filter, secretId, description, enabled } = request;
  const bad = violations();
  bad.id("id", id);
  bad.text("description", description ?? "", maxDescription);
  if (secretId !== undefined) bad.ascii("secret_id", secretId, 128, true);
  bad.done();
  const endpoint = await updateEndpoint(deps, id, { url, filter, secretId, description, isEnabled: enabled }, callerOf(context));
  return create(UpdateWebhookEndpointResponseSchema, { endpoint: endpointOf(endpoint) });
}

export async function deleteOne(deps: WebhookDeps, { id }: DeleteWebhookEndpointRequest, context: HandlerContext): Promise<DeleteWebhookEndpointResponse> {
  const bad = violations();
  bad.id("id", id);
  bad.done();
  await deleteEndpoint(deps, id, callerOf(context));
  return create(DeleteWebhookEndpointResponseSchema);
}

function endpointOf({
  id,
  url,
  types,
  subjects,
  secretId,
  description,
  approvalId,
  disabled,
  createdBy,
  createdAt,
}: Endpoint): MessageInitShape<typeof WebhookEndpointSchema> {
  return {
    id,
    url,
    types: [...types],
    subjects: [...subjects],
    secretId: secretId ?? "",
    description,
    approvalId: approvalId ?? "",
    enabled: disabled === undefined,
    ...(disabled ? { disabledReason: disabled.why, disabledAt: timestampFromMs(disabled.at) } : {}),
    createdBy,
    createdAt: timestampFromMs(createdAt),
  };
}
