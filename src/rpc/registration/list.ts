/**
 * Lists, for one call and for each of many watchers. The instances of a list are converted and encoded once, however many
 * ask; who asks within the same twentieth of a second gets the same message. Where the catalog tells the time of health checks the list is made anew after a
 * second, so that these times are at most so old.
 */
import { create, type Message } from "@bufbuild/protobuf";
import { timestampFromMs, type Timestamp } from "@bufbuild/protobuf/wkt";
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
import { callKey } from "../call.ts";
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

type Item = GetServiceResponse | GetModuleResponse;
type Converter<T> = (list: DiscoveryList) => Converted<T>;

const freshMs = 1_000;
/** Who asks so soon after another is told the other's `as_of`, though a later one would be true too. */
const sharedMs = 50;

export interface ListDeps {
  readonly discovery: DiscoveryView;
  readonly clock: Clock;
}

export function createLists(deps: ListDeps): Lists {
  const servicesOf = createConverter(deps, serviceOf);
  const modulesOf = createConverter(deps, moduleOf);
  const listServices = createAnswers(deps, servicesOf, (head, services) => create(ListServicesResponseSchema, { ...head, services }));
  const listModules = createAnswers(deps, modulesOf, (head, modules) => create(ListModulesResponseSchema, { ...head, modules }));
  const listPlatformModules = createAnswers(deps, modulesOf, (head, modules) => create(ListPlatformModulesResponseSchema, { ...head, modules }));
  const servicesNow = createAnswers(deps, servicesOf, (head, services) => create(WatchServicesResponseSchema, { ...head, services }));
  const modulesNow = createAnswers(deps, modulesOf, (head, modules) => create(WatchModulesResponseSchema, { ...head, modules }));
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

/** Remembers what a list was converted to for as long as somebody holds the list. */
function createConverter<T extends Item>({ discovery, clock }: ListDeps, convert: (it: Discovered, lastChecked: number | undefined) => T): Converter<T> {
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

interface Head {
  readonly asOf: Timestamp;
  readonly totalCount: number;
}

/** Makes the answers of one RPC. Frozen: this message will not change, so whoever sends it to many may encode it once. */
function createAnswers<T extends Item, M extends Message>(
  { discovery }: ListDeps,
  convert: Converter<T>,
  make: (head: Head, items: T[]) => M,
): (context: HandlerContext, list: DiscoveryList) => M {
  let last: { readonly of: Converted<T>; readonly asOf: number; readonly message: M } | undefined;
  return (context, list) => {
    const it = convert(list);
    const asOf = discovery.asOf();
    const head = { asOf: timestampFromMs(asOf), totalCount: list.items.length };
    if (context.values.get(callKey)?.isJson) return make(head, [...it.messages]);
    if (last?.of === it && asOf >= last.asOf && asOf < last.asOf + sharedMs) return last.message;
    it.packed ??= packedItems(it.messages);
    const message = make(head, []);
    message.$unknown = it.packed;
    last = { of: it, asOf, message };
    return Object.freeze(message);
  };
}
