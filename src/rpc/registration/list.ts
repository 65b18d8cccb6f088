/**
 * Lists, for single calls and for watchers. An instance is encoded once for all lists and callers;
 * calls within the same 50 ms get the same message. Where the catalog has the times of health
 * checks they are refreshed after a second, so that they are at most that old.
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
  type ListModulesResponse,
  type ListPlatformModulesResponse,
  type ListServicesResponse,
  type WatchModulesResponse,
  type WatchServicesResponse,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { Discovered } from "../../registration/discovery/discovered.ts";
import type { DiscoveryList, DiscoveryView } from "../../registration/discovery/view.ts";
import { callKey } from "../transport/call.ts";
import { moduleOf, serviceOf } from "./convert-discovery.ts";
import { packList, type PackedList } from "./packed-list.ts";

export interface Lists {
  services(context: HandlerContext): ListServicesResponse;
  modules(context: HandlerContext): ListModulesResponse;
  platformModules(context: HandlerContext): ListPlatformModulesResponse;
  watchServices(context: HandlerContext): AsyncGenerator<WatchServicesResponse>;
  watchModules(context: HandlerContext): AsyncGenerator<WatchModulesResponse>;
}

/** Maximum age of the times of health checks in a list. */
const freshMs = 1_000;
/** Calls within this time share one `as_of`, although a later one would be true too. */
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
    services: (context) => listServices(context, discovery.list("service")),
    modules: (context) => listModules(context, discovery.list("module")),
    platformModules: (context) => listPlatformModules(context, discovery.list("module")),
    async *watchServices(context) {
      for await (const list of discovery.watch("service", context.signal)) yield servicesNow(context, list);
    },
    async *watchModules(context) {
      for await (const list of discovery.watch("module", context.signal)) yield modulesNow(context, list);
    },
  };
}

/** One kind of item: as messages, and as the bytes of a whole list. */
interface Packer<T> {
  messages(list: DiscoveryList): T[];
  packed(list: DiscoveryList): PackedList<Discovered>;
}

function createPacker<D extends DescMessage>(
  { discovery, clock }: ListDeps,
  schema: D,
  convert: (it: Discovered, lastChecked: number | undefined) => MessageShape<D>,
): Packer<MessageShape<D>> {
  const packing = {
    encode: (it: Discovered, lastChecked: number | undefined) => toBinary(schema, convert(it, lastChecked)),
    checkedAt: (it: Discovered) => discovery.lastChecked(it),
  };
  let last: { readonly list: DiscoveryList; readonly at: number; readonly packed: PackedList<Discovered> } | undefined;
  return {
    messages: ({ items }) => items.map((it) => convert(it, discovery.lastChecked(it))),
    packed(list) {
      const now = clock.now();
      if (last?.list === list && !(last.packed.ages && now - last.at >= freshMs)) return last.packed;
      const packed = packList(list.items, packing, last?.packed);
      last = { list, at: now, packed };
      return packed;
    },
  };
}

interface Head {
  readonly asOf: Timestamp;
  readonly totalCount: number;
}

/** Makes the answers of one RPC. Frozen: this message will not change, so a sender to many readers may encode it once. */
function createAnswers<T, M extends Message>(
  { discovery }: ListDeps,
  packer: Packer<T>,
  make: (head: Head, items: T[]) => M,
): (context: HandlerContext, list: DiscoveryList) => M {
  let last: { readonly of: PackedList<Discovered>; readonly asOf: number; readonly message: M } | undefined;
  return (context, list) => {
    const asOf = discovery.asOf();
    const head = { asOf: timestampFromMs(asOf), totalCount: list.items.length };
    if (context.values.get(callKey)?.isJson) return make(head, packer.messages(list));
    const packed = packer.packed(list);
    if (last?.of === packed && asOf >= last.asOf && asOf < last.asOf + sharedMs) return last.message;
    const message = make(head, []);
    message.$unknown = packed.unknown;
    last = { of: packed, asOf, message };
    return Object.freeze(message);
  };
}
