/** Muster beside its schema registry, which is also written to by others. */
import type { SchemaRegistry } from "../../src/registration/ports.ts";
import { afterAll, beforeAll, describe } from "vitest";
import { createApicurioSchemas } from "../../src/adapters/apicurio/schemas.ts";
import { createEmbeddedSchemas } from "../../src/adapters/embedded/schema-registry.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { embeddedBacking, realBacking, type Backing, type Environment } from "./muster.ts";
import { describeReal } from "./real-servers.ts";

export interface RegistryScene {
  /** For a Muster, to be started by the test. */
  env(): Environment;
  /** The schema registry itself; no Muster may run meanwhile. */
  withSchemas<T>(work: (schemas: SchemaRegistry) => Promise<T>): Promise<T>;
}

/** Declares the suite for the embedded schema registry and for Apicurio. */
export function besideEveryRegistry(name: string, suite: (scene: RegistryScene) => void): void {
  describe(`${name} (embedded)`, () =>
    declare(suite, embeddedBacking, async ({ env }, work) => {
      await using store = await openSqliteStore({ path: (env["MUSTER_STORE"] ?? "").replace(/^sqlite:/, ""), clock: systemClock });
      return await work(createEmbeddedSchemas({ store, clock: systemClock }));
    }));
  describeReal(`${name} (real servers)`, (servers) =>
    declare(
      suite,
      () => realBacking(servers),
      async (_backing, work) => {
        await using schemas = createApicurioSchemas({ url: servers.apicurio });
        return await work(schemas);
      },
    ),
  );
}

function declare(
  suite: (scene: RegistryScene) => void,
  open: () => Promise<Backing>,
  withSchemas: <T>(backing: Backing, work: (schemas: SchemaRegistry) => Promise<T>) => Promise<T>,
): void {
  let backing: Backing;
  beforeAll(async () => {
    backing = await open();
  });
  afterAll(() => backing[Symbol.asyncDispose]());
  suite({ env: () => backing.env, withSchemas: (work) => withSchemas(backing, work) });
}
