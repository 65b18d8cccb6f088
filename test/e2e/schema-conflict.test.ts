/** A version that the schema registry already holds with other content, put there by another Muster. */
import { afterAll, beforeAll, expect, test, describe } from "vitest";
import { createApicurioSchemas } from "../../src/adapters/apicurio/schemas.ts";
import { createEmbeddedSchemas } from "../../src/adapters/embedded/schema-registry.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import type { SchemaRegistry } from "../../src/ports.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { embeddedBacking, realBacking, startMuster, type Backing } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { requestFor } from "../support/world.ts";

const theirs = { version: "1.0.0", kind: "JSON", content: '{"type":"array"}' } as const;

interface Setting {
  readonly open: () => Promise<Backing>;
  /** The schema registry itself, while no Muster runs. */
  readonly withSchemas: <T>(backing: Backing, work: (schemas: SchemaRegistry) => Promise<T>) => Promise<T>;
}

function conflictSuite({ open, withSchemas }: Setting): void {
  const name = `conflict-${crypto.randomUUID().slice(0, 8)}`;
  const artifactId = `${name}-config`;
  const signal = AbortSignal.timeout(60_000);
  let backing: Backing;
  beforeAll(async () => {
    backing = await open();
    await withSchemas(backing, (schemas) => schemas.put({ ...theirs, artifactId }, "another-muster", signal));
  });
  afterAll(() => backing[Symbol.asyncDispose]());

  test("the registration fails for good and leaves that version alone", async () => {
    await using module = await startFakeModule({ name, version: "1.0.0", schema: '{"type":"object"}' });
    {
      await using muster = await startMuster(backing.env);
      using client = connect(muster.address);
      const { types, errorDetail, status } = await client.register(requestFor(name, module));
      expect(types.slice(-2)).toEqual(["DATABASE_SAVED", "FAILED"]);
      expect(errorDetail).toMatch(/^SCHEMA_VERSION_CONFLICT: /);
      expect(status.code, "OK: trying again cannot help").toBe(0);
    }
    expect(await withSchemas(backing, (schemas) => schemas.get(artifactId, theirs.version, signal))).toBe(theirs.content);
  });
}

describe("a version taken by other content (embedded)", () =>
  conflictSuite({
    open: embeddedBacking,
    async withSchemas({ env }, work) {
      await using store = await openSqliteStore({ path: (env["MUSTER_STORE"] ?? "").replace(/^sqlite:/, ""), clock: systemClock });
      return await work(createEmbeddedSchemas({ store, clock: systemClock }));
    },
  }));

describeReal("a version taken by other content (real servers)", (servers) =>
  conflictSuite({
    open: () => realBacking(servers),
    async withSchemas(_backing, work) {
      await using schemas = createApicurioSchemas({ url: servers.apicurio });
      return await work(schemas);
    },
  }),
);
