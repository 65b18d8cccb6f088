/** Which instance a caller is sent to. Pure: the same instances, question and turn give the same choice. */
import type { Discovered } from "./discovered.ts";

export interface ResolveQuestion {
  readonly name: string;
  readonly preferLocal: boolean;
  readonly requiredTags: readonly string[];
  readonly requiredCapabilities: readonly string[];
  /** The caller's IP address, if it is known. */
  readonly caller: string | undefined;
}

export interface Resolution {
  /** Undefined when none fits. */
  readonly chosen: Discovered | undefined;
  /** Instances of the name. */
  readonly total: number;
  readonly healthy: number;
  /** One sentence for people. */
  readonly why: string;
}

/** Picks among `instances`, all those of the name, in a fixed order; `turn` counts up, so that the choices go round. */
export function resolve(instances: readonly Discovered[], question: ResolveQuestion, turn: number): Resolution {
  const healthy = instances.filter((instance) => instance.healthy);
  const counts = { total: instances.length, healthy: healthy.length };
  const none = (why: string): Resolution => ({ ...counts, chosen: undefined, why });
  if (instances.length === 0) return none(`no instance of ${question.name} is registered`);
  if (healthy.length === 0) return none(`none of ${instances.length} registered is healthy`);
  const fit = healthy.filter((instance) => has(instance, question));
  if (fit.length === 0) return none(`none of ${healthy.length} healthy has all required tags and capabilities`);
  const local = question.preferLocal ? fit.filter((instance) => isLocal(instance, question.caller)) : [];
  const among = local.length > 0 ? local : fit;
  return { ...counts, chosen: among[turn % among.length], why: reason(question, fit.length, local.length, healthy.length) };
}

function has({ tags, capabilities }: Discovered, { requiredTags, requiredCapabilities }: ResolveQuestion): boolean {
  return requiredTags.every((tag) => tags.includes(tag)) && requiredCapabilities.every((capability) => capabilities.includes(capability));
}

function reason(question: ResolveQuestion, fit: number, local: number, healthy: number): string {
  const asked = question.requiredTags.length + question.requiredCapabilities.length > 0;
  if (local > 0) return local === 1 ? "the one on the caller's host" : `one of ${local} on the caller's host, in turn`;
  const place = question.preferLocal ? "; none is on the caller's host" : "";
  if (fit === 1) return `${asked ? `the only one of ${healthy} healthy that fits` : "the only healthy one"}${place}`;
  return `one of ${fit} healthy${asked ? " that fit" : ""}, in turn${place}`;
}

/** Whether the instance is where the caller's address is. Names are not resolved: the address of the registration counts. */
export function isLocal({ host, address }: Discovered, caller: string | undefined): boolean {
  if (caller === undefined) return false;
  const from = plain(caller);
  const at = plain(address ?? host);
  return at === from || (isLoopback(from) && isLoopback(at));
}

/** Without the prefix that IPv4 has on an IPv6 socket. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "").toLowerCase();
}

function isLoopback(address: string): boolean {
  return address === "::1" || address === "localhost" || /^127\.\d+\.\d+\.\d+$/.test(address);
}

/** The instance that stands for a name: the first healthy one, else the first. */
export function preferred(instances: readonly Discovered[]): Discovered | undefined {
  return instances.find((instance) => instance.healthy) ?? instances[0];
}
