/** Who decides from outside: the sources of the configuration, and the domain that takes what they send and have. */
import { createSourceHttp } from "./adapters/inbound-poll/client.ts";
import { followFile } from "./adapters/system/followed-file.ts";
import { createSnsHttp } from "./adapters/sns-http/client.ts";
import { createHostResolver } from "./adapters/system/resolve-host.ts";
import type { Config } from "./config/config.ts";
import { isLoopback } from "./config/server.ts";
import { createInbound, type Inbound, type InboundOptions } from "./inbound/domain.ts";
import { sourcesFileFailures } from "./inbound/metrics.ts";
import type { SourceClient } from "./inbound/ports.ts";
import type { Source } from "./inbound/types.ts";
import type { LoopSpec } from "./kernel/loop.ts";

/** A change is in force after two looks. */
const lookEveryMs = 1_000;

type Settings = Pick<Config, "inbound" | "listen">;

/** What reads a file of sources: throws with every problem of it. */
export async function sourcesParser({ listen }: Pick<Config, "listen">): Promise<(text: string) => readonly Source[]> {
  const { parseSources } = await import("./adapters/inbound-file/parse.ts");
  return (text) => parseSources(text, { isOnLoopback: isLoopback(listen.host) });
}

/** The operator names the hosts: private addresses are as good as others, but no name leads to a metadata service. */
export function sourceClient(): SourceClient {
  return createSourceHttp({
    resolveHost: createHostResolver({ allowLoopback: true, allowedRanges: [] }),
    resolveLoopback: createHostResolver({ allowLoopback: true, allowedRanges: ["127.0.0.0/8", "::1/128"] }),
  });
}

/** Rejects when the file of sources cannot be used. */
export async function openInbound(config: Settings, options: Omit<InboundOptions, "sources" | "client" | "askSns" | "retentionMs">): Promise<Inbound> {
  const { sources, loops } = await followSources(config, options);
  // A VPC has addresses of its own for SNS.
  const askSns = createSnsHttp({ resolveHost: createHostResolver({ allowLoopback: false, allowedRanges: [] }) });
  const inbound = createInbound({ ...options, sources, client: sourceClient(), askSns, retentionMs: config.inbound.retentionMs });
  return { ...inbound, loops: [...loops, ...inbound.loops] };
}

async function followSources(
  config: Settings,
  { clock, log, meter }: Pick<InboundOptions, "clock" | "log" | "meter">,
): Promise<{ readonly sources: () => readonly Source[]; readonly loops: readonly LoopSpec[] }> {
  const { file: path } = config.inbound;
  if (path === undefined) return { sources: () => [], loops: [] };
  const onFailure = (): void => meter.count(sourcesFileFailures, {});
  const file = await followFile({ name: "inbound", path, parse: await sourcesParser(config), clock, log, onFailure, isRequired: true });
  const loop = { name: "inbound-file", everyMs: lookEveryMs, round: () => file.look().then(() => false) };
  return { sources: () => file.current()?.value ?? [], loops: [loop] };
}
