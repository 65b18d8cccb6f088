/** Every port's contract, on the adapters of the real servers. */
import { catalogContract } from "./contract/catalog.ts";
import { consulCatalogContract } from "./contract/catalog-consul.ts";
import { eventSinkContract } from "./contract/event-sink.ts";
import { schemaRegistryContract } from "./contract/schema-registry.ts";
import { storeContract } from "./contract/store.ts";
import { mysqlBackend } from "./contract/store/mysql.ts";
import { apicurioUnderTest } from "./support/apicurio.ts";
import { openConsulCatalog } from "./support/catalogs.ts";
import { framedKafkaUnderTest, kafkaUnderTest } from "./support/kafka.ts";
import { describeReal } from "./support/real-servers.ts";

describeReal("MySQL", (servers) => storeContract("MySQL", mysqlBackend(servers.mysql)));
describeReal("Consul", (servers) => {
  catalogContract("Consul", { open: () => openConsulCatalog(servers.consul) });
  consulCatalogContract(servers.consul);
});
describeReal("Apicurio", (servers) => schemaRegistryContract("Apicurio", apicurioUnderTest(servers.apicurio)));
describeReal("Kafka", (servers) => {
  eventSinkContract("Kafka", kafkaUnderTest({ broker: servers.kafka, proxied: servers.kafkaProxied }));
  eventSinkContract("Kafka, framed", framedKafkaUnderTest({ broker: servers.kafka }, servers.apicurio));
});
