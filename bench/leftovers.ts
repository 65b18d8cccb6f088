import type { Servers } from "./stack.ts";

/** Removes from Consul what an aborted run left there; versions in Apicurio cannot be deleted, only disabled. */
export async function sweep({ consul }: Pick<Servers, "consul">, prefix: string): Promise<void> {
  const answer = await fetch(`${consul}/v1/agent/services`);
  const services = (await answer.json()) as Readonly<Record<string, unknown>>;
  for (const id of Object.keys(services).filter((it) => it.startsWith(prefix))) {
    await fetch(`${consul}/v1/agent/service/deregister/${encodeURIComponent(id)}`, { method: "PUT" });
  }
}
