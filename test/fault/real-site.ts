import { createPool, type RowDataPacket } from "mysql2/promise";
import type { KafkaTail } from "../support/kafka-tail.ts";
import { realBacking } from "../support/muster.ts";
import type { RealServers } from "../support/real-servers.ts";
import { siteBase, type Site, type View } from "./site.ts";

export interface RealSite extends Site {
  /** Changes the database behind Muster's back. */
  execute(sql: string): Promise<void>;
  /** Ends every lease on an attempt at once, as time does later. */
  endLeases(): Promise<void>;
}

/** The four real servers, with a database of its own; `tail` hears what is published. */
export async function realSite(servers: RealServers, tail: KafkaTail): Promise<RealSite> {
  const base = await siteBase();
  const backing = await realBacking(servers);
  const pool = createPool({ uri: backing.databaseUrl, connectionLimit: 2 });
  const view: View = {
    async query(sql, values = []) {
      const [found] = await pool.query<RowDataPacket[]>(sql, [...values]);
      return found;
    },
    ...consulView(servers),
    async schemaState(artifactId, version) {
      const answer = await fetch(`${servers.apicurio}/groups/ai.pipestream.schemas/artifacts/${encodeURIComponent(artifactId)}/versions/${version}`);
      if (answer.status === 404) return undefined;
      if (!answer.ok) throw new Error(`Apicurio answered ${answer.status}`);
      return ((await answer.json()) as { readonly state: string }).state;
    },
    reached: "published_at",
    delivered: async (key) => tail.events(key).map(({ id }) => id),
    [Symbol.asyncDispose]: async () => undefined,
  };
  const execute = async (sql: string) => void (await pool.query(sql));
  return {
    ...base,
    env: { ...base.env, ...backing.env },
    look: async () => view,
    execute,
    endLeases: () => execute("update attempts set lease_until = 0"),
    async passTime() {
      await execute("update leases set expires_at = 0");
      await execute("update tasks set due_at = 0");
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await backing[Symbol.asyncDispose]();
      await base[Symbol.asyncDispose]();
    },
  };
}

function consulView({ consul }: RealServers): Pick<View, "held" | "discovered"> {
  async function get<T>(path: string): Promise<T> {
    const answer = await fetch(`${consul}/v1/${path}`);
    if (!answer.ok) throw new Error(`Consul answered ${answer.status}`);
    return (await answer.json()) as T;
  }

  return {
    async held(serviceId, attemptIds) {
      type Service = { readonly ID: string; readonly Meta: Readonly<Record<string, string>> | null };
      type Check = { readonly CheckID: string; readonly ServiceID: string; readonly Status: string };
      const [services, checks] = await Promise.all([get<Record<string, Service>>("agent/services"), get<Record<string, Check>>("agent/checks")]);
      const isOurs = (id: string) => id === serviceId || id.startsWith(`${serviceId}@`);
      const isOfAttempt = (text: string) => attemptIds.some((id) => text.includes(id));
      return {
        entries: Object.values(services)
          .filter(({ ID, Meta }) => isOurs(ID) || isOfAttempt(JSON.stringify(Meta)))
          .map(({ ID }) => ID),
        checks: Object.values(checks)
          .filter(({ CheckID, ServiceID }) => isOurs(ServiceID) || isOfAttempt(CheckID))
          .map(({ ServiceID, Status }) => ({ of: ServiceID, status: Status })),
      };
    },
    async discovered(name) {
      type Health = { readonly Service: { readonly Tags: readonly string[]; readonly Meta: Readonly<Record<string, string>> } };
      const found = await get<readonly Health[]>(`health/service/${encodeURIComponent(name)}?passing&consistent`);
      return found.map(({ Service }) => ({ attemptId: Service.Meta["registration-id"] ?? "", tags: Service.Tags.filter((tag) => tag !== "module") }));
    },
  };
}
