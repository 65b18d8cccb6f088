import { connect, type MusterClient } from "../support/client.ts";
import type { KafkaTail } from "../support/kafka-tail.ts";
import { startMuster } from "../support/muster.ts";
import type { RealServers } from "../support/real-servers.ts";
import { uncommittedPoints } from "./crash-points.ts";
import { realSite, type RealSite } from "./real-site.ts";

/** A site where a replica runs that nothing happens to. */
export interface SurvivedSite extends AsyncDisposable {
  readonly site: RealSite;
  /** Connected to that replica. */
  readonly survivor: MusterClient;
}

/** With long leases: on a busy machine nobody's work is to be taken over while he lives. They end by `leaseAt`. */
export async function openSurvived(servers: RealServers, tail: KafkaTail): Promise<SurvivedSite> {
  const plain = await realSite(servers, tail);
  const site = { ...plain, env: { ...plain.env, MUSTER_ATTEMPT_LEASE: "60s" } };
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

/**
 * The site for one that dies or stands still at `at`, and how its lease comes to an end: on command; in the middle
 * of a transaction, which locks the row, by itself after some seconds.
 */
export function leaseAt(site: RealSite, at: string): { readonly site: RealSite; end(): Promise<void> } {
  if (!uncommittedPoints.some((point) => point.at === at)) return { site, end: () => site.endLeases() };
  return { site: { ...site, env: { ...site.env, MUSTER_ATTEMPT_LEASE: "8s" } }, end: async () => undefined };
}
