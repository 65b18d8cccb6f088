/**
 * Every discoverable instance in pages, for lists that do not fit into one message. A page is a part of the bytes of all instances,
 * which are encoded once and shared: however many pages are asked for and not read, they are not kept more than once.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  InstanceSchema,
  ListInstancesResponseSchema,
  type Instance,
  type ListInstancesRequest,
  type ListInstancesResponse,
} from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { type FieldViolation, invalidFields } from "../../kernel/errors.ts";
import type { Discovered } from "../../registration/discovery/discovered.ts";
import type { DiscoveryList } from "../../registration/discovery/view.ts";
import { callKey } from "../transport/call.ts";
import { answerBytes } from "../transport/limits.ts";
import { moduleOf, serviceOf } from "./convert-discovery.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";
import { lagMs, lookAgainMs } from "./list-times.ts";
import { packList, partOf, type PackedList } from "./packed-list.ts";

const defaultPageSize = 50;
const maxPageSize = 500;

type PageDeps = Pick<RegistrationHandlerDeps, "discovery" | "clock">;

interface Pages {
  readonly of: readonly [DiscoveryList, DiscoveryList];
  readonly at: number;
  /** In the order of their service ids. */
  readonly items: readonly Discovered[];
  readonly packed: PackedList<Discovered>;
}

export function createInstancePages({ discovery, clock }: PageDeps): (request: ListInstancesRequest, context: HandlerContext) => ListInstancesResponse {
  let last: Pages | undefined;
  const checkedAt = (it: Discovered) => discovery.lastChecked(it);
  const packing = { encode: (it: Discovered, checked: number | undefined) => toBinary(InstanceSchema, instanceOf(it, checked)), checkedAt, lagMs };

  function current(): Pages {
    const of = [discovery.list("service"), discovery.list("module")] as const;
    const now = clock.now();
    const isSame = last?.of[0] === of[0] && last.of[1] === of[1];
    if (last && isSame && !(last.packed.ages && now - last.at >= lookAgainMs)) return last;
    const items = last && isSame ? last.items : inOrder([...of[0].items, ...of[1].items]);
    last = { of, at: now, items, packed: packList(items, packing, last?.packed) };
    return last;
  }

  return ({ pageSize, pageToken }, context) => {
    const after = Buffer.from(pageToken, "base64url").toString("utf8");
    const bad: FieldViolation[] = [];
    if (pageSize < 0 || pageSize > maxPageSize) bad.push({ field: "page_size", description: `must be from 0 to ${maxPageSize}` });
    if (pageToken.length > 1_024 || tokenOf(after) !== pageToken) bad.push({ field: "page_token", description: "is not one of ours" });
    if (bad.length > 0) throw invalidFields(bad);

    const pages = current();
    const { items, packed } = pages;
    const [from, to] = rangeOf(pages, after, pageSize || defaultPageSize);
    const isJson = context.values.get(callKey)?.isJson;
    const page = create(ListInstancesResponseSchema, {
      instances: isJson ? items.slice(from, to).map((it) => instanceOf(it, checkedAt(it))) : [],
      nextPageToken: to < items.length ? tokenOf(items[to - 1]?.serviceId ?? "") : "",
      asOf: timestampFromMs(discovery.asOf()),
    });
    if (!isJson) page.$unknown = partOf(packed, from, to);
    return page;
  };
}

function inOrder(items: readonly Discovered[]): readonly Discovered[] {
  return items.toSorted((a, b) => (a.serviceId < b.serviceId ? -1 : a.serviceId > b.serviceId ? 1 : 0));
}

/** The items of a page, from the first to before the last. */
function rangeOf({ items, packed: { ends } }: Pages, after: string, size: number): readonly [number, number] {
  const first = items.findIndex(({ serviceId }) => serviceId > after);
  if (first < 0) return [items.length, items.length];
  const begin = first === 0 ? 0 : ends[first - 1]!;
  // The token is a service id: instances of one id stay together.
  const isFull = (at: number) => at - first >= size || (at > first && ends[at]! - begin > answerBytes);
  const to = items.findIndex(({ serviceId }, at) => at > first && isFull(at) && serviceId !== items[at - 1]?.serviceId);
  return [first, to < 0 ? items.length : to];
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
