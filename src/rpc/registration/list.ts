/**
 * Lists, for one call and for each of many watchers. An instance is encoded once, however many lists it is in and however
 * many ask; who asks within the same twentieth of a second gets the same message. Where the catalog tells the times of health
 * checks they are looked at again after a second, so that they are at most so old. A list that is larger than its reader takes
 * is sent with less of each instance (`list-levels.ts`), whose encodings are kept in the same way.
 */
import { create, toBinary, type DescMessage, type Message, type MessageShape } from "@bufbuild/protobuf";
import { timestampFromMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  GetModuleResponseSchema,
  GetServiceResponseSchema,
  ListModulesResponseSchema,
  ListPlatformModulesResponseSchema,
  ListServicesResponseSchema,
  WatchModulesResponseSchema,
  WatchServicesResponseSchema,
  type ListModulesRequest,
  type ListModulesResponse,
  type ListPlatformModulesRequest,
  type ListPlatformModulesResponse,
  type ListServicesRequest,
  type ListServicesResponse,
  type WatchModulesRequest,
  type WatchModulesResponse,
  type WatchServicesRequest,
  type WatchServicesResponse,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { Discovered } from "../../registration/discovery/discovered.ts";
import type { DiscoveryList, DiscoveryView } from "../../registration/discovery/view.ts";
import { callKey } from "../transport/call.ts";
import { moduleOf, serviceOf } from "./convert-discovery.ts";
import { cutTo, listBytesOf, listDetails, listTooLarge, type Detail } from "./list-levels.ts";
import { packList, type PackedList } from "./packed-list.ts";

export interface Lists {
  services(request: ListServicesRequest, context: HandlerContext): ListServicesResponse;
  modules(request: ListModulesRequest, context: HandlerContext): ListModulesResponse;
  platformModules(request: ListPlatformModulesRequest, context: HandlerContext): ListPlatformModulesResponse;
  watchServices(request: WatchServicesRequest, context: HandlerContext): AsyncGenerator<WatchServicesResponse>;
  watchModules(request: WatchModulesRequest, context: HandlerContext): AsyncGenerator<WatchModulesResponse>;
}

/** How old the times of health checks in a list may be. */
const freshMs = 1_000;
/** Who asks so soon after another is told the other's `as_of`, though a later one would be true too. */
const sharedMs = 50;

export interface ListDeps {
  readonly discovery: DiscoveryView;
  readonly clock: Clock;
}

export function createLists(deps: ListDeps): Lists {
  const services = createPacker(deps, GetServiceResponseSchema, serviceOf);
  const modules = createPacker(deps, GetModuleResponseSchema, moduleOf);
  const listServices = createAnswers(deps, services, (head, items) => create(ListServicesResponseSchema, { ...head, services: items }));
  const listModules = createAnswers(deps, modules, (head, items) => create(ListModulesResponseSchema, { ...head, modules: items }));
  const listPlatformModules = createAnswers(deps, modules, (head, items) => create(ListPlatformModulesResponseSchema, { ...head, modules: items }));
  const servicesNow = createAnswers(deps, services, (head, items) => create(WatchServicesResponseSchema, { ...head, services: items }));
  const modulesNow = createAnswers(deps, modules, (head, items) => create(WatchModulesResponseSchema, { ...head, modules: items }));
  const { discovery } = deps;
  return {
    services: (request, context) => listServices(context, discovery.list("service"), listBytesOf(request)),
    modules: (request, context) => listModules(context, discovery.list("module"), listBytesOf(request)),
    platformModules: (request, context) => listPlatformModules(context, discovery.list("module"), listBytesOf(request)),
    async *watchServices(request, context) {
      const bytes = listBytesOf(request);
      for await (const list of discovery.watch("service", context.signal)) yield servicesNow(context, list, bytes);
    },
    async *watchModules(request, context) {
      const bytes = listBytesOf(request);
      for await (const list of discovery.watch("module", context.signal)) yield modulesNow(context, list, bytes);
    },
  };
}

/** One kind of item: as messages, and as the bytes of a whole list. */
interface Packer<T> {
  messages(list: DiscoveryList, detail: Detail): T[];
  /** With as much detail as fits into `maxBytes`; fails with LIST_TOO_LARGE. */
  packed(list: DiscoveryList, maxBytes: number): { readonly detail: Detail; readonly packed: PackedList<Discovered> };
}

interface Packed {
  readonly list: DiscoveryList;
  readonly at: number;
  readonly packed: PackedList<Discovered>;
}

function createPacker<D extends typeof GetServiceResponseSchema | typeof GetModuleResponseSchema>(
  { discovery, clock }: ListDeps,
  schema: D,
  convert: (it: Discovered, lastChecked: number | undefined) => MessageShape<D>,
): Packer<MessageShape<D>> {
  const last = new Map<Detail, Packed>();
  const packedAs = (list: DiscoveryList, detail: Detail): PackedList<Discovered> => {
    const now = clock.now();
    const former = last.get(detail);
    if (former?.list === list && !(former.packed.ages && now - former.at >= freshMs)) return former.packed;
    const packing = {
      encode: (it: Discovered, lastChecked: number | undefined) => toBinary<DescMessage>(schema, cutTo(convert(it, lastChecked), detail)),
      checkedAt: (it: Discovered) => discovery.lastChecked(it),
    };
    const packed = packList(list.items, packing, former?.packed);
    last.set(detail, { list, at: now, packed });
    return packed;
  };
  return {
    messages: ({ items }, detail) => items.map((it) => cutTo(convert(it, discovery.lastChecked(it)), detail)),
    packed(list, maxBytes) {
      let bytes = 0;
      for (const detail of listDetails) {
        const packed = packedAs(list, detail);
        if (packed.bytes.length <= maxBytes) return { detail, packed };
        bytes = packed.bytes.length;
      }
      throw listTooLarge(bytes, maxBytes);
    },
  };
}

interface Head {
  readonly asOf: Timestamp;
  readonly totalCount: number;
  readonly detail: Detail;
}

/** Makes the answers of one RPC. Frozen: this message will not change, so whoever sends it to many may encode it once. */
function createAnswers<T, M extends Message>(
  { discovery }: ListDeps,
  packer: Packer<T>,
  make: (head: Head, items: T[]) => M,
): (context: HandlerContext, list: DiscoveryList, maxBytes: number) => M {
  const last = new Map<Detail, { readonly of: PackedList<Discovered>; readonly asOf: number; readonly message: M }>();
  return (context, list, maxBytes) => {
    const asOf = discovery.asOf();
    const { detail, packed } = packer.packed(list, maxBytes);
    const head = { asOf: timestampFromMs(asOf), totalCount: list.items.length, detail };
    if (context.values.get(callKey)?.isJson) return make(head, packer.messages(list, detail));
    const former = last.get(detail);
    if (former?.of === packed && asOf >= former.asOf && asOf < former.asOf + sharedMs) return former.message;
    const message = make(head, []);
    message.$unknown = packed.unknown;
    last.set(detail, { of: packed, asOf, message });
    return Object.freeze(message);
  };
}
