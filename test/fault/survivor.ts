import { connect, type MusterClient } from "../support/client.ts";
import type { KafkaTail } from "../support/kafka-tail.ts";
import { startMuster } from "../support/muster.ts";
import type { RealServers } from "../support/real-servers.ts";
import { realSite, type RealSite } from "./real-site.ts";

/** A site where a replica runs that nothing happens to. */
export interface SurvivedSite extends AsyncDisposable {
  readonly site: RealSite;
  /** Connected to that replica. */
  readonly survivor: MusterClient;
}

/** A longer lease than elsewhere: on a busy machine nobody's work is to be taken over while he lives. */
export async function openSurvived(servers: RealServers, tail: KafkaTail): Promise<SurvivedSite> {
  const plain = await realSite(servers, tail);
  const site = { ...plain, env: { ...plain.env, MUSTER_ATTEMPT_LEASE: "4s" } };
  const muster = await startMuster(site.env);
  const survivor = connect(muster.address);
  return {
    site,
    survivor,
    async [Symbol.asyncDispose]() {
      survivor[Symbol.dispose]();
      await muster[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    },
  };
}
