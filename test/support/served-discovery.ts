import { systemClock } from "../../src/adapters/system/clock.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import { createDiscoveryView } from "../../src/registration/discovery/view.ts";
import type { CatalogInstance, CatalogSnapshot } from "../../src/registration/ports.ts";
import type { RegistrationHandlerDeps } from "../../src/rpc/registration/deps.ts";
import { registrationServices } from "../../src/rpc/registration/methods.ts";
import { createStockClient } from "./rpc-client.ts";
import { startTestServer } from "./rpc-server.ts";
import { openWorkshop } from "./workshop.ts";

/** What somebody else put into the catalog, so that its metadata is what the catalog has. */
export function foreign(name: string, port: number, meta: Readonly<Record<string, string>>, tags: readonly string[] = []): CatalogInstance {
  return {
    serviceId: `${name}-10.0.0.1-${port}`,
    name,
    attemptId: undefined,
    address: "10.0.0.1",
    port,
    tags,
    meta,
    status: "passing",
    onTrial: false,
    checks: [],
  };
}

/** Metadata of `count` values of `bytes` each. */
export const values = (count: number, bytes: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, "v".repeat(bytes)]));

/** The product's discovery RPCs over a catalog that shows what it is given. `clock`: of the view and the lists, not of the transport. */
export async function serveDiscovery(first: readonly CatalogInstance[], clock: Clock = systemClock) {
  const stack = new AsyncDisposableStack();
  const workshop = stack.use(await openWorkshop());
  let next = Promise.withResolvers<CatalogSnapshot | undefined>();
  async function* watch(): AsyncGenerator<CatalogSnapshot> {
    yield { instances: first, at: undefined };
    for (;;) {
      const snapshot = await next.promise;
      next = Promise.withResolvers();
      if (snapshot === undefined) return;
      yield snapshot;
    }
  }
  const view = createDiscoveryView({ catalog: { ...workshop.ports.catalog, watch }, store: workshop.store, clock, log: () => undefined });
  stack.defer(async () => {
    next.resolve(undefined);
    await view[Symbol.asyncDispose]();
  });
  await view.seen;
  const deps = { discovery: view, clock } as unknown as RegistrationHandlerDeps;
  const server = stack.use(await startTestServer({}, { services: registrationServices(deps) }));
  return {
    client: stack.use(createStockClient(server.address)),
    server,
    show: (...instances: readonly CatalogInstance[]) => next.resolve({ instances, at: undefined }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
