/** Every discoverable instance in pages, for lists that do not fit into one message. */
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  InstanceSchema,
  ListInstancesResponseSchema,
  type Instance,
  type ListInstancesRequest,
  type ListInstancesResponse,
} from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { type FieldViolation, invalidFields } from "../../kernel/errors.ts";
import type { Discovered } from "../../registration/discovery/discovered.ts";
import { moduleOf, serviceOf } from "./convert-discovery.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";
import { answerBytes } from "../transport/limits.ts";

const defaultPageSize = 50;
const maxPageSize = 500;

export function listInstances({ discovery }: Pick<RegistrationHandlerDeps, "discovery">, request: ListInstancesRequest): ListInstancesResponse {
  const { pageSize, pageToken } = request;
  const after = Buffer.from(pageToken, "base64url").toString("utf8");
  const bad: FieldViolation[] = [];
  if (pageSize < 0 || pageSize > maxPageSize) bad.push({ field: "page_size", description: `must be from 0 to ${maxPageSize}` });
  if (pageToken.length > 1_024 || tokenOf(after) !== pageToken) bad.push({ field: "page_token", description: "is not one of ours" });
  if (bad.length > 0) throw invalidFields(bad);

  const asOf = timestampFromMs(discovery.asOf());
  const left = [...discovery.list("service").items, ...discovery.list("module").items]
    .filter(({ serviceId }) => serviceId > after)
    .toSorted((a, b) => (a.serviceId < b.serviceId ? -1 : a.serviceId > b.serviceId ? 1 : 0));
  const instances: Instance[] = [];
  let bytes = 0;
  let last = "";
  for (const it of left) {
    const instance = instanceOf(it, discovery.lastChecked(it));
    bytes += toBinary(InstanceSchema, instance).length + itemPrefixBytes;
    // The token is a service id: instances of one id stay together.
    const isFull = instances.length >= (pageSize || defaultPageSize) || (instances.length > 0 && bytes > answerBytes);
    if (isFull && it.serviceId !== last) return create(ListInstancesResponseSchema, { instances, nextPageToken: tokenOf(last), asOf });
    instances.push(instance);
    last = it.serviceId;
  }
  return create(ListInstancesResponseSchema, { instances, asOf });
}

/** The field's tag and length in the message. */
export const itemPrefixBytes = 6;

function tokenOf(serviceId: string): string {
  return Buffer.from(serviceId, "utf8").toString("base64url");
}

export function instanceOf(it: Discovered, lastChecked: number | undefined): Instance {
  return create(InstanceSchema, {
    instance: it.kind === "module" ? { case: "module", value: moduleOf(it, lastChecked) } : { case: "service", value: serviceOf(it, lastChecked) },
  });
}
