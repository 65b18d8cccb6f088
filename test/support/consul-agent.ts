/** A Consul agent as somebody else uses it, behind Muster's back. */
export interface AgentEntry {
  readonly ID: string;
  readonly Service: string;
  readonly Address: string;
  readonly Port: number;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
}

export interface Health {
  readonly status: string;
  readonly entry: AgentEntry;
  readonly checkIds: readonly string[];
}

/** What the agent holds under a service id. */
export async function agentHealth(url: string, id: string): Promise<Health | undefined> {
  const answer = await fetch(`${url}/v1/agent/health/service/id/${encodeURIComponent(id)}`);
  if (answer.status === 404) return undefined;
  const { AggregatedStatus, Service, Checks } = (await answer.json()) as {
    readonly AggregatedStatus: string;
    readonly Service: AgentEntry;
    readonly Checks: readonly { readonly CheckID: string }[];
  };
  return { status: AggregatedStatus, entry: Service, checkIds: Checks.map(({ CheckID }) => CheckID) };
}

/** Registers `entry` as it is; without a check, unless one that passes for ten minutes is wanted. */
export async function putEntry(url: string, { Service, ...entry }: AgentEntry, withCheck = false): Promise<void> {
  const { ID, Address, Port, Tags, Meta } = entry;
  await put(`${url}/v1/agent/service/register`, {
    ID,
    Name: Service,
    Address,
    Port,
    Tags,
    Meta,
    ...(withCheck ? { Check: { TTL: "10m", Status: "passing" } } : {}),
  });
}

export async function removeEntry(url: string, id: string): Promise<void> {
  await put(`${url}/v1/agent/service/deregister/${encodeURIComponent(id)}`);
}

/** Takes an entry out of the catalog that consumers read, while the agent still has it. It puts it back by itself, minutes later. */
export async function removeFromCatalog(url: string, id: string): Promise<void> {
  const self = (await (await fetch(`${url}/v1/agent/self`)).json()) as { readonly Config: { readonly NodeName: string } };
  await put(`${url}/v1/catalog/deregister`, { Node: self.Config.NodeName, ServiceID: id });
}

export async function removeCheck(url: string, id: string): Promise<void> {
  await put(`${url}/v1/agent/check/deregister/${encodeURIComponent(id)}`);
}

async function put(url: string, body?: unknown): Promise<void> {
  const answer = await fetch(url, { method: "PUT", ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
}

/** The values of a metric by the value of its one label, from a running Muster's page. */
export async function metricOf(address: string, name: string): Promise<ReadonlyMap<string, number>> {
  const page = await (await fetch(`http://${address}/metrics`)).text();
  return new Map([...page.matchAll(new RegExp(`^${name}(?:\\{\\w+="(\\w+)"\\})? (\\S+)$`, "gm"))].map(([, label = "", value]) => [label, Number(value)]));
}
