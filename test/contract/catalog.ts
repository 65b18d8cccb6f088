import type { OpenCatalog } from "../support/catalog-fixture.ts";
import { catalogEdges } from "./catalog-edges.ts";
import { catalogServing } from "./catalog-serving.ts";
import { catalogTrials } from "./catalog-trials.ts";
import { catalogWatch } from "./catalog-watch.ts";

/** What every `Catalog` does, shown on the port alone, with real gRPC health servers behind the checks. */
export function catalogContract(name: string, { open }: { readonly open: OpenCatalog }): void {
  catalogTrials(name, open);
  catalogServing(name, open);
  catalogEdges(name, open);
  catalogWatch(name, open);
}
