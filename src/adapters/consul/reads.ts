/** Consul's answers as entries and instances. Two views: the agent's own memory, and the catalog that consumers read. */
import type { CatalogInstance } from "../../registration/ports.ts";
import { attemptOfBootCheck, registrationIdKey, trialCheckId } from "../catalog-entry.ts";
import { trialOfKey } from "../catalog-metadata.ts";
import { type ConsulHttp, type Indexed, path } from "./http.ts";
import type { ConsulCheck, ConsulEntry, ConsulNode, ConsulService } from "./types.ts";

/** Read from the leader after it has confirmed its leadership: otherwise a replaying server answers with an empty list. */
const consistent = { consistent: "" };

export interface ConsulReads {
  /** One entry of this agent with its checks, both of the same moment. */
  agentEntry(id: string, signal: AbortSignal): Promise<ConsulEntry | undefined>;
  /** What the catalog lists under a name and service id: one entry for each agent that has it. */
  listed(name: string, id: string, signal: AbortSignal, mode?: "consistent"): Promise<readonly ConsulEntry[]>;
  listedUnder(name: string, signal: AbortSignal): Promise<readonly ConsulEntry[]>;
  listedAll(signal: AbortSignal): Promise<readonly ConsulEntry[]>;
  /** Every service instance of every node. */
  allServices(signal: AbortSignal): Promise<readonly NodeService[]>;
  /** Every check of every node; a blocking query when `after` is given. */
  allChecks(after: Blocking | undefined, signal: AbortSignal): Promise<Indexed<readonly ConsulCheck[]>>;
  /** The index at which the services changed last, without them; a blocking query. */
  servicesIndex(after: Blocking, signal: AbortSignal): Promise<number>;
  /** Boot checks of this agent that pass now. */
  passingBootChecks(signal: AbortSignal): Promise<readonly ConsulCheck[]>;
}

/** Answer when the index is above `index`, or after `waitMs`. */
export interface Blocking {
  readonly index: number;
  readonly waitMs: number;
}

/** A service instance and the node it is on. */
export interface NodeService {
  readonly node: string;
  readonly service: ConsulService;
}

type HealthRows = readonly { readonly Node: ConsulNode; readonly Service: ConsulService; readonly Checks: readonly ConsulCheck[] }[];

export function createConsulReads(http: ConsulHttp, datacenter: string | undefined): ConsulReads {
  const dc = datacenter === undefined ? {} : { dc: datacenter };

  async function get<T>(at: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<T> {
    return (await http.call({ method: "GET", path: at, query }, signal)) as T;
  }

  async function health(name: string, query: Readonly<Record<string, string>>, signal: AbortSignal) {
    const rows = await get<HealthRows>(path`health/service/${name}`, { ...dc, ...query }, signal);
    return rows.map((row): ConsulEntry => ({ service: onNode(row.Service, row.Node), checks: row.Checks }));
  }

  async function servicesOf(node: ConsulNode, signal: AbortSignal) {
    type Answer = { readonly Services: Readonly<Record<string, ConsulService>> } | null;
    const answer = await get<Answer>(path`catalog/node/${node.Node}`, { ...dc, ...consistent }, signal);
    return Object.values(answer?.Services ?? {}).map((service) => ({ node: node.Node, service: onNode(service, node) }));
  }

  async function allServices(signal: AbortSignal): Promise<readonly NodeService[]> {
    const nodes = await get<readonly ConsulNode[]>("catalog/nodes", { ...dc, ...consistent }, signal);
    return (await Promise.all(nodes.map((node) => servicesOf(node, signal)))).flat();
  }

  async function blocking(at: string, after: Blocking | undefined, signal: AbortSignal): Promise<Indexed<unknown>> {
    const wait: Record<string, string> = after === undefined ? {} : { index: String(after.index), wait: `${after.waitMs}ms` };
    // Consul adds up to a sixteenth to the wait, so that waiters do not all return at once.
    const limit = after === undefined ? {} : { waitMs: Math.ceil(after.waitMs * (17 / 16)) };
    return http.read({ method: "GET", path: at, query: { ...dc, ...consistent, ...wait }, ...limit }, signal);
  }

  async function allChecks(after: Blocking | undefined, signal: AbortSignal): Promise<Indexed<readonly ConsulCheck[]>> {
    const { index, value } = await blocking("health/state/any", after, signal);
    return { index, value: value as readonly ConsulCheck[] };
  }

  return {
    async agentEntry(id, signal) {
      // The status repeats the entry's own: 429 warning, 503 critical or in maintenance, 404 unknown.
      const request = { method: "GET", path: path`agent/health/service/id/${id}`, also: [404, 429, 503] } as const;
      type Answer = { readonly Service: ConsulService | null; readonly Checks: readonly ConsulCheck[] | null };
      const answer = (await http.call(request, signal)) as Answer;
      return answer.Service === null ? undefined : { service: answer.Service, checks: answer.Checks ?? [] };
    },
    listed: async (name, id, signal, mode) => {
      const filter = `Service.ID == ${JSON.stringify(id)}`;
      const entries = await health(name, mode ? { ...consistent, filter } : { filter }, signal);
      return entries.filter((entry) => entry.service.ID === id);
    },
    listedUnder: (name, signal) => health(name, consistent, signal),
    async listedAll(signal) {
      const services = await allServices(signal);
      return joined(services, (await allChecks(undefined, signal)).value).map(({ entry }) => entry);
    },
    allServices,
    allChecks,
    servicesIndex: async (after, signal) => (await blocking("catalog/services", after, signal)).index,
    async passingBootChecks(signal) {
      const filter = 'CheckID matches "^boot:" and Status == "passing"';
      return Object.values(await get<Readonly<Record<string, ConsulCheck>>>("agent/checks", { filter }, signal));
    },
  };
}

/** One instance and the key that the catalog knows it by: a service id is one agent's only. */
export interface KeyedEntry {
  readonly key: string;
  readonly entry: ConsulEntry;
}

export function keyOf(node: string, serviceId: string): string {
  return JSON.stringify([node, serviceId]);
}

/** Services with the checks that were read after them: a service without one then really has none. */
export function joined(services: readonly NodeService[], all: readonly ConsulCheck[]): readonly KeyedEntry[] {
  const checks = Map.groupBy(all, (check) => keyOf(check.Node, check.ServiceID));
  return services.flatMap(({ node, service }): KeyedEntry[] => {
    const key = keyOf(node, service.ID);
    const own = checks.get(key) ?? [];
    // An entry of ours always has a check: without one it was removed between the two reads.
    if (attemptOf(service) !== undefined && own.length === 0) return [];
    return [{ key, entry: { service, checks: [...own, ...(checks.get(keyOf(node, "")) ?? [])] } }];
  });
}

export function attemptOf(service: ConsulService): string | undefined {
  return service.Meta?.[registrationIdKey];
}

export function isMaintenance(check: ConsulCheck): boolean {
  return check.CheckID.startsWith("_service_maintenance:") || check.CheckID === "_node_maintenance";
}

/** Entries that no consumer can call: a candidate, or the Consul servers themselves. */
export function isInternal(service: ConsulService): boolean {
  return service.Meta?.[trialOfKey] !== undefined || service.ID === "consul";
}

/** Maintenance takes precedence, then the worst check; without checks it passes, as in Consul. */
export function statusOf(checks: readonly ConsulCheck[]): CatalogInstance["status"] {
  if (checks.some(isMaintenance)) return "maintenance";
  if (checks.some((check) => check.Status === "critical")) return "critical";
  return checks.every((check) => check.Status === "passing") ? "passing" : "warning";
}

export function toInstance({ service, checks }: ConsulEntry): CatalogInstance {
  return {
    serviceId: service.ID,
    name: service.Service,
    attemptId: attemptOf(service),
    address: service.Address,
    port: service.Port,
    tags: service.Tags ?? [],
    meta: service.Meta ?? {},
    status: statusOf(checks),
    onTrial: checks.some((check) => isTrialCheck(check, attemptOf(service))),
    checks: checks.map(toPortCheck),
  };
}

/** Promoting takes the checks of the trial away one after another: until the last is gone the entry is on trial. */
function isTrialCheck({ CheckID }: ConsulCheck, attemptId: string | undefined): boolean {
  return attemptId !== undefined && (CheckID === trialCheckId(attemptId) || attemptOfBootCheck(CheckID) === attemptId);
}

export function toPortCheck(check: ConsulCheck): CatalogInstance["checks"][number] {
  return { id: check.CheckID, status: check.Status, output: check.Output };
}

/** A service without its own address is reached at its node's. */
function onNode(service: ConsulService, node: ConsulNode): ConsulService {
  return service.Address === "" ? { ...service, Address: node.Address } : service;
}
