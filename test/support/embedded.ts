import type { RegistrationStore } from "../../src/registration/records.ts";
import { randomUUID } from "node:crypto";
import { createEmbeddedEventLog } from "../../src/adapters/embedded/event-log.ts";
import { createEmbeddedSchemas } from "../../src/adapters/embedded/schema-registry.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { SinkUnderTest } from "../contract/event-sink.ts";
import type { RegistryUnderTest } from "../contract/schema-registry.ts";

/** The schema registry in the store; `openStore` gives an empty store each time. */
export function embeddedSchemasUnderTest(openStore: () => Promise<RegistrationStore>, clock: Clock): RegistryUnderTest {
  return {
    async open() {
      const store = await openStore();
      const registry = createEmbeddedSchemas({ store, clock });
      return {
        registry,
        async [Symbol.asyncDispose]() {
          await registry[Symbol.asyncDispose]();
          await store[Symbol.asyncDispose]();
        },
      };
    },
  };
}

/** The event log in the store; `openStore` gives an empty store each time. */
export function eventLogUnderTest(openStore: () => Promise<RegistrationStore>): SinkUnderTest {
  return {
    async open() {
      const store = await openStore();
      const sink = createEmbeddedEventLog({ store });
      const topic = `contract.${randomUUID()}`;
      return {
        sink,
        topic,
        async read() {
          const records = await store.tx((tx) => tx.eventLog.read(0, 10_000));
          return records.filter((record) => record.topic === topic);
        },
        async [Symbol.asyncDispose]() {
          await sink[Symbol.asyncDispose]();
          await store[Symbol.asyncDispose]();
        },
      };
    },
  };
}
