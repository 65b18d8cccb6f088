/** The RPCs about secrets. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  CreateWebhookSecretResponseSchema,
  DeleteWebhookSecretResponseSchema,
  ListWebhookSecretsResponseSchema,
  RotateWebhookSecretResponseSchema,
  type CreateWebhookSecretRequest,
  type CreateWebhookSecretResponse,
  type DeleteWebhookSecretRequest,
  type DeleteWebhookSecretResponse,
  type ListWebhookSecretsRequest,
  type ListWebhookSecretsResponse,
  type RotateWebhookSecretRequest,
  type RotateWebhookSecretResponse,
  type WebhookSecretSchema,
} from "../../../gen/muster/approval/v1/webhook_service_pb.ts";
import type { WebhookDeps } from "../../webhooks/deps.ts";
import { createSecret, deleteSecret, listSecrets, rotateSecret } from "../../webhooks/secrets.ts";
import type { Secret } from "../../webhooks/types.ts";
import { callerOf } from "../platform/caller.ts";
import { violations } from "../platform/check.ts";
import { paged, pageOf } from "../platform/page.ts";

const dayMs = 86_400_000;
const maxDescription = 255;

export async function createOneSecret(
  deps: WebhookDeps,
  { description, value: given }: CreateWebhookSecretRequest,
  context: HandlerContext,
): Promise<CreateWebhookSecretResponse> {
  const bad = violations();
  bad.text("description", description, maxDescription);
  bad.done();
  const { secret, value } = await createSecret(deps, { description, value: given }, callerOf(context));
  return create(CreateWebhookSecretResponseSchema, { secret: secretOf(secret), value: given === "" ? value : "" });
}

export async function rotateOneSecret(
  deps: WebhookDeps,
  { id, formerFor }: RotateWebhookSecretRequest,
  context: HandlerContext,
): Promise<RotateWebhookSecretResponse> {
  const formerForMs = formerFor === undefined ? dayMs : durationMs(formerFor);
  const bad = violations();
  bad.id("id", id);
  if (!(formerForMs >= 0 && formerForMs <= 30 * dayMs)) bad.add("former_for", "must be from 0 to 30 days");
  bad.done();
  const { secret, value } = await rotateSecret(deps, id, formerForMs, callerOf(context));
  return create(RotateWebhookSecretResponseSchema, { secret: secretOf(secret), value });
}

export async function deleteOneSecret(deps: WebhookDeps, { id }: DeleteWebhookSecretRequest, context: HandlerContext): Promise<DeleteWebhookSecretResponse> {
  const bad = violations();
  bad.id("id", id);
  bad.done();
  await deleteSecret(deps, id, callerOf(context));
  return create(DeleteWebhookSecretResponseSchema);
}

export async function listSomeSecrets(deps: WebhookDeps, request: ListWebhookSecretsRequest, context: HandlerContext): Promise<ListWebhookSecretsResponse> {
  const bad = violations();
  const query = pageOf(request, callerOf(context).tenant, bad);
  bad.done();
  const { items, nextPageToken } = paged(await listSecrets(deps, query), query);
  return create(ListWebhookSecretsResponseSchema, { secrets: items.map(secretOf), nextPageToken });
}

function secretOf({ id, description, createdBy, createdAt, rotatedAt, formerUntil }: Secret): MessageInitShape<typeof WebhookSecretSchema> {
  return {
    id,
    description,
    createdBy,
    createdAt: timestampFromMs(createdAt),
    ...(rotatedAt === undefined ? {} : { rotatedAt: timestampFromMs(rotatedAt) }),
    ...(formerUntil === undefined ? {} : { formerUntil: timestampFromMs(formerUntil) }),
  };
}
