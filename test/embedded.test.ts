/** Every port's contract, on the embedded adapters. */
import { createModuleClient } from "../src/adapters/module-grpc/module-client.ts";
import { systemClock } from "../src/adapters/system/clock.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { catalogContract } from "./contract/catalog.ts";
import { moduleClientContract } from "./contract/module-client.ts";
import { schemaRegistryContract } from "./contract/schema-registry.ts";
import { storeContract } from "./contract/store.ts";
import { memoryBackend, sqliteBackend } from "./contract/store/sqlite.ts";
import { openEmbeddedCatalog } from "./support/catalogs.ts";
import { embeddedSchemasUnderTest } from "./support/embedded.ts";

const openStore = () => openSqliteStore({ path: ":memory:" });

storeContract("SQLite file", sqliteBackend);
storeContract("SQLite memory", memoryBackend);
catalogContract("embedded", { open: openEmbeddedCatalog });
schemaRegistryContract("embedded", embeddedSchemasUnderTest(openStore, systemClock));
moduleClientContract("gRPC", { open: createModuleClient });
