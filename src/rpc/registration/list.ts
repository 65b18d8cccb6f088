/**
 * Lists, for one call and for each of many watchers. An instance is encoded once, however many lists it is in and however
 * many ask; who asks within the same twentieth of a second gets the same message. The times at which health was
 * confirmed are those of half a minute ago at the earliest, so that not all is encoded anew whenever they have changed. A list that is larger than its reader takes
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
import type { Discovered, DiscoveredKind } from "../../registration/discovery/discovered.ts";
import type { DiscoveryList, DiscoveryView } from "../../registration/discovery/view.ts";
import { callKey } from "../transport/call.ts";
import { moduleOf, serviceOf } from "./convert-discovery.ts";
import { cutTo, listBytesOf, listDetails, listTooLarge, type Detail } from "./list-levels.ts";
import { lagMs, lookAgainMs } from "./list-times.ts";
import { packList, type PackedList } from "./packed-list.ts";
import { withQuiet } from "../platform/quiet.ts";

export interface Lists {
  services(request: ListServicesRequest, context: HandlerContext): ListServicesResponse;
  modules(request: ListModulesRequest, context: HandlerContext): ListModulesResponse;
  platformModules(request: ListPlatformModulesRequest, context: HandlerContext): ListPlatformModulesResponse;
  watchServices(request: WatchServicesRequest, context: HandlerContext): AsyncGenerator<WatchServicesResponse>;
  watchModules(request: WatchModulesRequest, context: HandlerContext): AsyncGenerator<WatchModulesResponse>;
}

/** Calls within this time share one `as_of`, although a later one would be true too. */
const sharedMs = 50;
/** After so long without a change a watcher is sent the list again … */
const quietMs = 20_000;
/** … while all watchers of its kind together take no more than this for it. */
const mostRepeatedBytes = 33_554_432;

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
  const watchServices = createWatch(deps, "service", servicesNow);
  const watchModules = createWatch(deps, "module", modulesNow);
  const { discovery } = deps;
  return {
    services: (request, context) => listServices(context, discovery.list("service"), listBytesOf(request)).message,
    modules: (request, context) => listModules(context, discovery.list("module"), listBytesOf(request)).message,
    platformModules: (request, context) => listPlatformModules(context, discovery.list("module"), listBytesOf(request)).message,
    watchServices: (request, context) => watchServices(context, listBytesOf(request)),
    watchModules: (request, context) => watchModules(context, listBytesOf(request)),
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
    if (former?.list === list && !(former.packed.ages && now - former.at >= lookAgainMs)) return former.packed;
    const packing = {
      encode: (it: Discovered, lastChecked: number | undefined) => toBinary<DescMessage>(schema, cutTo(convert(it, lastChecked), detail)),
      checkedAt: (it: Discovered) => discovery.lastChecked(it),
      lagMs,
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

/** Makes the answers of one RPC. Frozen: this message will not change, so a sender to many readers may encode it once. */
function createAnswers<T, M extends Message>(
  { discovery }: ListDeps,
  packer: Packer<T>,
  make: (head: Head, items: T[]) => M,
): (context: HandlerContext, list: DiscoveryList, maxBytes: number) => { readonly message: M; readonly bytes: number } {
  const last = new Map<Detail, { readonly of: PackedList<Discovered>; readonly asOf: number; readonly message: M }>();
  return (context, list, maxBytes) => {
    const asOf = discovery.asOf();
    const { detail, packed } = packer.packed(list, maxBytes);
    const bytes = packed.bytes.length;
    const head = { asOf: timestampFromMs(asOf), totalCount: list.items.length, detail };
    if (context.values.get(callKey)?.isJson) return { message: make(head, packer.messages(list, detail)), bytes };
    const former = last.get(detail);
    if (former?.of === packed && asOf >= former.asOf && asOf < former.asOf + sharedMs) return { message: former.message, bytes };
    const message = make(head, []);
    message.$unknown = packed.unknown;
    last.set(detail, { of: packed, asOf, message });
    return { message: Object.freeze(message), bytes };
  };
}

/**
 * A watch of one kind: the list at once, after each change, and again whenever it was quiet for 20 s, so that neither a proxy
 * nor a client takes it for dead; the latter only while that costs little for all who watch. A large list of many watchers
 * leaves it to the pings of the connection (`rpc/transport/h2-sessions.ts`).
 */
function createWatch<M extends Message>(
  { discovery, clock }: ListDeps,
  kind: DiscoveredKind,
  answer: (context: HandlerContext, list: DiscoveryList, maxBytes: number) => { readonly message: M; readonly bytes: number },
): (context: HandlerContext, maxBytes: number) => AsyncGenerator<M> {
  let watchers = 0;
  return async function* (context, maxBytes) {
    watchers += 1;
    try {
      let bytes = 0;
      for await (const list of withQuiet(discovery.watch(kind, context.signal), clock, quietMs)) {
        if (list === undefined && bytes * watchers > mostRepeatedBytes) continue;
        const sent = answer(context, list ?? discovery.list(kind), maxBytes);
        bytes = sent.bytes;
        yield sent.message;
      }
    } finally {
      watchers -= 1;
    }
  };
}
