import type { Sample, ServingModule, Side } from "./sides.ts";
import type { Servers } from "./stack.ts";
import { startWorker } from "./worker.ts";

export type FloorRequest =
  | { readonly what: "open" }
  | { readonly what: "register"; readonly modules: readonly ServingModule[]; readonly limit: number }
  | { readonly what: "repeat"; readonly module: ServingModule; readonly times: number }
  | { readonly what: "remove"; readonly modules: readonly ServingModule[] };

export interface FloorReply {
  readonly samples?: readonly Sample[];
  readonly took?: readonly number[];
}

/** The floor in a separate process, with its tables in the database at `databaseUrl`. */
export async function openFloorSide(servers: Servers, databaseUrl: string): Promise<Side> {
  const worker = startWorker<FloorRequest, FloorReply>(new URL("floor.ts", import.meta.url), [databaseUrl, servers.consul, servers.apicurio]);
  await worker.ask({ what: "open" });
  return {
    register: async (modules, limit) => (await worker.ask({ what: "register", modules, limit })).samples ?? [],
    repeat: async (module, times) => (await worker.ask({ what: "repeat", module, times })).took ?? [],
    remove: async (modules) => void (await worker.ask({ what: "remove", modules })),
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  };
}
