/** Who decides from outside: the sources of the configuration, and the domain that takes what they send. */
import { readSources } from "./adapters/inbound-file/read.ts";
import type { Config } from "./config/config.ts";
import { isLoopback } from "./config/server.ts";
import { createInbound, type Inbound, type InboundOptions } from "./inbound/domain.ts";

/** Rejects when the file of sources cannot be used. */
export async function openInbound(
  { inbound: { file, retentionMs }, listen }: Pick<Config, "inbound" | "listen">,
  options: Omit<InboundOptions, "sources" | "retentionMs">,
): Promise<Inbound> {
  const sources = await readSources(file, { isOnLoopback: isLoopback(listen.host) });
  return createInbound({ ...options, sources, retentionMs });
}
