import type { RegistrationStore } from "../../src/registration/records.ts";
import { createEmbeddedSchemas } from "../../src/adapters/embedded/schema-registry.ts";
import type { Clock } from "../../src/kernel/ports.ts";
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
