/** What consumers are answered from, over a catalog that shows what a test gives it. */
import { setImmediate as turn } from "node:timers/promises";
import { createDiscoveryView, type DiscoveryView } from "../../src/registration/discovery/view.ts";
import type { Catalog, CatalogInstance, CatalogSnapshot } from "../../src/registration/ports.ts";
import type { RegistrationStore } from "../../src/registration/records.ts";
import { manualClock, type ManualClock } from "./manual-clock.ts";
import { openWorkshop } from "./workshop.ts";

/** A passing instance at 10.0.0.1, made by the attempt `a-<port>`. */
export function instance(name: string, port: number, changes: Partial<CatalogInstance> = {}): CatalogInstance {
  const serviceId = `${name}-10.0.0.1-${port}`;
  return { serviceId, name, attemptId: `a-${port}`, address: "10.0.0.1", port, tags: [], meta: {}, status: "passing", onTrial: false, checks: [], ...changes };
}

export interface ViewScene extends AsyncDisposable {
  readonly view: DiscoveryView;
  readonly clock: ManualClock;
  readonly store: RegistrationStore;
  /** `level event` of each line of the log. */
  readonly logged: readonly string[];
  /** How often the view has begun to watch. */
  watches(): number;
  /** Resolves when the view has taken it. */
  show(...instances: readonly CatalogInstance[]): Promise<void>;
  /** As `show`, of a catalog that says when it was so. */
  showAt(at: number, instances: readonly CatalogInstance[]): Promise<void>;
  /** Ends the catalog's watch, with an error if one is given. */
  breakOff(error?: Error): Promise<void>;
}

/** `lastChecked` is what the catalog says; by default the length of the service id. */
export async function openView(lastChecked: Catalog["lastChecked"] = (serviceId) => serviceId.length): Promise<ViewScene> {
  const clock = manualClock(1_000_000);
  const stack = new AsyncDisposableStack();
  const workshop = stack.use(await openWorkshop({ clock }));
  const logged: string[] = [];
  let watches = 0;
  let next = Promise.withResolvers<CatalogSnapshot | Error | undefined>();
  async function* watch(): AsyncGenerator<CatalogSnapshot> {
    watches += 1;
    for (;;) {
      const snapshot = await next.promise;
      next = Promise.withResolvers();
      if (snapshot instanceof Error) throw snapshot;
      if (snapshot === undefined) return;
      yield snapshot;
    }
  }
  async function give(what: CatalogSnapshot | Error | undefined): Promise<void> {
    next.resolve(what);
    for (let round = 0; round < 5; round++) await turn();
  }
  const catalog = { ...workshop.ports.catalog, watch, lastChecked };
  const view = createDiscoveryView({ catalog, store: workshop.store, clock, log: (level, event) => void logged.push(`${level} ${event}`) });
  stack.defer(async () => {
    next.resolve(undefined);
    await view[Symbol.asyncDispose]();
  });
  return {
    view,
    clock,
    store: workshop.store,
    logged,
    watches: () => watches,
    show: (...instances) => give({ instances, at: undefined }),
    showAt: (at, instances) => give({ instances, at }),
    breakOff: (error) => give(error),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
