/** The only place that makes an adapter from a connection URL. A backend is one case here. */
import type { MusterStore } from "./store/parts.ts";
import type { Catalog, ModuleClient, SchemaRegistry } from "./registration/ports.ts";
import { readFile } from "node:fs/promises";
import { readAuthorities } from "./adapters/system/authorities.ts";
import type { EventCodec } from "./delivery/event-codec.ts";
import type { Config } from "./config/config.ts";
import type { Log } from "./kernel/log.ts";
import type { Clock, EventSink } from "./kernel/ports.ts";

export interface Adapters {
  readonly store: MusterStore;
  readonly catalog: Catalog;
  readonly schemas: SchemaRegistry;
  /** Undefined when events go only into the log. */
  readonly sink: EventSink | undefined;
  readonly module: ModuleClient;
}

export interface AdapterOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly codec: EventCodec;
  /** Closes, in reverse order, what was opened. */
  readonly dispose: AsyncDisposableStack;
}

/** Opens the adapters that the configuration names. The store is connected and migrated; the others connect when used. */
export async function openAdapters(config: Config, { clock, log, codec, dispose }: AdapterOptions): Promise<Adapters> {
  const store = dispose.use(await openStore(config.store, clock));
  const module = await moduleClient(config);
  const catalog = dispose.use(await openCatalog(config.catalog, clock, module));
  const schemas = dispose.use(await openSchemas(config.schemas, store, clock));
  const sink = await openSink(config, { clock, log, codec });
  if (sink) dispose.use(sink);
  return { store, module, catalog, schemas, sink };
}

async function moduleClient({ modules: { caFile, clientCertificate } }: Config): Promise<ModuleClient> {
  const { createModuleClient } = await import("./adapters/module-grpc/module-client.ts");
  return createModuleClient({
    ...(caFile === undefined ? {} : { ca: await readAuthorities(caFile) }),
    ...(clientCertificate && { clientCertificate: { cert: await readFile(clientCertificate.certFile), key: await readFile(clientCertificate.keyFile) } }),
  });
}

async function openStore(store: Config["store"], clock: Clock): Promise<MusterStore> {
  if (store.kind === "sqlite") {
    const { openSqliteStore } = await import("./store/sqlite.ts");
    return openSqliteStore({ path: store.path, clock });
  }
  const { openMysqlStore } = await import("./store/mysql.ts");
  return openMysqlStore({ url: store.url, clock });
}

async function openCatalog(catalog: Config["catalog"], clock: Clock, module: ModuleClient): Promise<Catalog> {
  if (catalog.kind === "embedded") {
    const { createEmbeddedCatalog } = await import("./adapters/embedded/catalog.ts");
    return createEmbeddedCatalog({ clock, probe: (endpoint, signal) => module.health(endpoint, signal) });
  }
  const { createConsulCatalog } = await import("./adapters/consul/catalog.ts");
  const { url, token, bootstrapChecks } = catalog;
  return createConsulCatalog({ url, bootstrapChecks, clock, ...(token === undefined ? {} : { token }) });
}

async function openSchemas(schemas: Config["schemas"], store: MusterStore, clock: Clock): Promise<SchemaRegistry> {
  if (schemas.kind === "embedded") {
    const { createEmbeddedSchemas } = await import("./adapters/embedded/schema-registry.ts");
    return createEmbeddedSchemas({ store, clock });
  }
  const { createApicurioSchemas } = await import("./adapters/apicurio/schemas.ts");
  return createApicurioSchemas({ url: schemas.url, ...(schemas.token === undefined ? {} : { token: schemas.token }) });
}

async function openSink(config: Config, { clock, log, codec }: Omit<AdapterOptions, "dispose">): Promise<EventSink | undefined> {
  const { events, schemas, eventWire } = config;
  if (events.kind === "embedded") return undefined;
  const { createKafkaSink } = await import("./adapters/kafka/sink.ts");
  const sink = createKafkaSink({
    brokers: events.brokers,
    clientId: "muster",
    topics: [...codec.topics.keys()],
    clock,
    log: (level, message, fields) => log(level, "kafka", { message, ...fields }),
  });
  if (eventWire.format !== "confluent" || schemas.kind !== "apicurio") return sink;
  const { createFramedSink } = await import("./adapters/kafka/framed-sink.ts");
  const { createTopicSchemas } = await import("./adapters/apicurio/topic-schemas.ts");
  const { protoText } = await import("./delivery/proto-text.ts");
  const schemaOf = (topic: string) => protoText(codec.topics.get(topic) ?? []);
  return createFramedSink({
    sink,
    ids: createTopicSchemas({ url: schemas.url, schemaOf, clock, ...(schemas.token === undefined ? {} : { token: schemas.token }) }),
  });
}
