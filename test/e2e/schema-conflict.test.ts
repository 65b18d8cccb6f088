/** A version that the schema registry already holds with other content, put there by another Muster. */
import { expect, test } from "vitest";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { startMuster } from "../support/muster.ts";
import { besideEveryRegistry } from "../support/schema-registries.ts";
import { requestFor } from "../support/world.ts";

const theirs = { version: "1.0.0", kind: "JSON", content: '{"type":"array"}' } as const;

besideEveryRegistry("a version taken by other content", ({ env, withSchemas }) => {
  test("the registration fails for good and leaves that version alone", async () => {
    const name = `conflict-${crypto.randomUUID().slice(0, 8)}`;
    const artifactId = `${name}-config`;
    const signal = AbortSignal.timeout(60_000);
    await withSchemas((schemas) => schemas.put({ ...theirs, artifactId }, "another-muster", signal));
    await using module = await startFakeModule({ name, version: "1.0.0", schema: '{"type":"object"}' });
    {
      await using muster = await startMuster(env());
      using client = connect(muster.address);
      const { types, errorDetail, status } = await client.register(requestFor(name, module));
      expect(types.slice(-2)).toEqual(["DATABASE_SAVED", "FAILED"]);
      expect(errorDetail).toMatch(/^SCHEMA_VERSION_CONFLICT: /);
      expect(status.code, "OK: trying again cannot help").toBe(0);
    }
    expect(await withSchemas((schemas) => schemas.get(artifactId, theirs.version, signal))).toBe(theirs.content);
  });
});
