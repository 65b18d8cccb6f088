/**
 * Lists, for one call and for each of many watchers. The instances of a list are converted and encoded once, however many
 * ask; only `as_of` is written for each. Where the catalog tells the time of health checks the list is made anew after a
 * second, so that these times are at most so old.
 */
import { create, type Message } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  ListModulesResponseSchema,
  ListPlatformModulesResponseSchema,
  ListServicesResponseSchema,
  WatchModulesResponseSchema,
  WatchServicesResponseSchema,
  type GetModuleResponse,
  type GetServiceResponse,
  type ListModulesResponse,
  type ListPlatformModulesResponse,
  type ListServicesResponse,
  type WatchModulesResponse,
  type WatchServicesResponse,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { Clock } from "../../ports.ts";
import type { Discovered } from "../../registration/discovery/discovered.ts";
import type { DiscoveryList, DiscoveryView } from "../../registration/discovery/view.ts";
import { moduleOf, packedItems, serviceOf } from "../convert-discovery.ts";

export interface Lists {
  services(context: HandlerContext): ListServicesResponse;
  modules(context: HandlerContext): ListModulesResponse;
  platformModules(context: HandlerContext): ListPlatformModulesResponse;
  watchServices(context: HandlerContext): AsyncGenerator<WatchServicesResponse>;
  watchModules(context: HandlerContext): AsyncGenerator<WatchModulesResponse>;
}

interface Converted<T> {
  readonly at: number;
  /** Some instance has a time of its last check. */
  readonly ages: boolean;
  readonly messages: readonly T[];
  packed: ReturnType<typeof packedItems> | undefined;
}

const freshMs = 1_000;

export function createLists({ discovery, clock }: { readonly discovery: DiscoveryView; readonly clock: Clock }): Lists {
  const services = createConverter(discovery, clock, serviceOf);
  const modules = createConverter(discovery, clock, moduleOf);

  const servicesNow = (context: HandlerContext, list: DiscoveryList) => filled(services(list), context, head(list), (messages) => ({ services: messages }));
  const modulesNow = (context: HandlerContext, list: DiscoveryList) => filled(modules(list), context, head(list), (messages) => ({ modules: messages }));
  const head = ({ items }: DiscoveryList) => ({ asOf: timestampFromMs(discovery.asOf()), totalCount: items.length });

  return {
    services: (context) => withPacked(servicesNow(context, discovery.list("service")), (init) => create(ListServicesResponseSchema, init)),
    modules: (context) => withPacked(modulesNow(context, discovery.list("module")), (init) => create(ListModulesResponseSchema, init)),
    platformModules: (context) => withPacked(modulesNow(context, discovery.list("module")), (init) => create(ListPlatformModulesResponseSchema, init)),
    async *watchServices(context) {
      for await (const list of discovery.watch("service", context.signal)) {
        yield withPacked(servicesNow(context, list), (init) => create(WatchServicesResponseSchema, init));
      }
    },
    async *watchModules(context) {
      for await (const list of discovery.watch("module", context.signal)) {
        yield withPacked(modulesNow(context, list), (init) => create(WatchModulesResponseSchema, init));
      }
    },
  };
}

/** Remembers what a list was converted to for as long as somebody holds the list. */
function createConverter<T extends GetServiceResponse | GetModuleResponse>(
  discovery: DiscoveryView,
  clock: Clock,
  convert: (it: Discovered, lastChecked: number | undefined) => T,
): (list: DiscoveryList) => Converted<T> {
  const known = new WeakMap<DiscoveryList, Converted<T>>();
  return (list) => {
    const now = clock.now();
    const former = known.get(list);
    if (former && !(former.ages && now - former.at >= freshMs)) return former;
    let ages = false;
    const messages = list.items.map((it) => {
      const lastChecked = discovery.lastChecked(it);
      if (lastChecked !== undefined) ages = true;
      return convert(it, lastChecked);
    });
    const made = { at: now, ages, messages, packed: undefined };
    known.set(list, made);
    return made;
  };
}

interface Filled<Init> {
  readonly init: Init;
  readonly packed: ReturnType<typeof packedItems> | undefined;
}

/** As messages for a caller that speaks JSON, as bytes for all others. */
function filled<T extends GetServiceResponse | GetModuleResponse, Head extends object, Items extends object>(
  it: Converted<T>,
  context: HandlerContext,
  head: Head,
  itemsOf: (messages: T[]) => Items,
): Filled<Head & Partial<Items>> {
  const isJson = context.requestHeader.get("content-type")?.includes("json") ?? false;
  if (isJson || context.requestMethod === "GET") return { init: { ...head, ...itemsOf([...it.messages]) }, packed: undefined };
  it.packed ??= packedItems(it.messages);
  return { init: head as Head & Partial<Items>, packed: it.packed };
}

function withPacked<Init, M extends Message>({ init, packed }: Filled<Init>, make: (init: Init) => M): M {
  const message = make(init);
  return packed === undefined ? message : Object.assign(message, { $unknown: packed });
}
