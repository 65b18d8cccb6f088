import { startScripted } from "./scene.ts";
import type { Site } from "./site.ts";
import type { MusterProcess } from "../support/muster.ts";

/** A site with one Muster, which follows the site's script; after each death the next one is started. */
export interface Lane extends AsyncDisposable {
  readonly site: Site;
  muster(): MusterProcess;
  /** Starts the next Muster, in the same configuration, when the present one is dead. */
  restart(): Promise<MusterProcess>;
}

export async function openLane(site: Site): Promise<Lane> {
  let muster = await startScripted(site);
  return {
    site,
    muster: () => muster,
    async restart() {
      await muster.ended;
      muster = await startScripted(site);
      return muster;
    },
    async [Symbol.asyncDispose]() {
      await muster[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    },
  };
}
