/** Instances that wait for an approval, in pages. */
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  HeldInstanceSchema,
  ListHeldResponseSchema,
  type HeldInstance,
  type ListHeldRequest,
  type ListHeldResponse,
} from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { nameOf } from "../../kernel/caller.ts";
import { type FieldViolation, invalidFields } from "../../kernel/errors.ts";
import type { Ask } from "../../registration/gate/gate-records.ts";
import { listHeld as list } from "../../registration/queries.ts";
import { wireServiceTypes } from "./convert.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";
import { itemPrefixBytes } from "./instances.ts";
import { answerBytes } from "../transport/limits.ts";

const defaultPageSize = 50;
const maxPageSize = 500;

export async function listHeld({ store }: Pick<RegistrationHandlerDeps, "store">, request: ListHeldRequest): Promise<ListHeldResponse> {
  const { pageSize, pageToken, name, approvalId } = request;
  const afterId = Buffer.from(pageToken, "base64url").toString("utf8");
  const bad: FieldViolation[] = [];
  if (pageSize < 0 || pageSize > maxPageSize) bad.push({ field: "page_size", description: `must be from 0 to ${maxPageSize}` });
  if (pageToken.length > 1_024 || tokenOf(afterId) !== pageToken) bad.push({ field: "page_token", description: "is not one of ours" });
  if (name.length > 128) bad.push({ field: "name", description: "must be at most 128 characters" });
  if (approvalId.length > 36) bad.push({ field: "approval_id", description: "must be at most 36 characters" });
  if (bad.length > 0) throw invalidFields(bad);
  const filter = { ...(name === "" ? {} : { name }), ...(approvalId === "" ? {} : { approvalId }) };
  const { asks, nextAfterId } = await list(store, { ...filter, afterId, limit: pageSize || defaultPageSize });
  const instances: HeldInstance[] = [];
  let bytes = 0;
  for (const ask of asks) {
    const held = heldOf(ask);
    bytes += toBinary(HeldInstanceSchema, held).length + itemPrefixBytes;
    const last = instances.at(-1);
    if (last && bytes > answerBytes) return create(ListHeldResponseSchema, { instances, nextPageToken: tokenOf(last.serviceId) });
    instances.push(held);
  }
  return create(ListHeldResponseSchema, { instances, nextPageToken: tokenOf(nextAfterId ?? "") });
}

function tokenOf(serviceId: string): string {
  return Buffer.from(serviceId, "utf8").toString("base64url");
}

function heldOf({ serviceId, name, version, request, approvalId, shown, askedAt, actor, isAdmitted }: Ask): HeldInstance {
  const { advertisedHost: host, advertisedPort: port } = request.connectivity;
  const { approval_id: _, ...waitsFor } = shown;
  const what = { serviceId, name, type: wireServiceTypes[request.type], version, host, port };
  return create(HeldInstanceSchema, { ...what, approvalId, waitsFor, askedAt: timestampFromMs(askedAt), actor: nameOf(actor), approved: isAdmitted });
}
