/** Catalog, schema registry and event broker: reachable, recent enough, with sufficient permissions. */
import type { Config } from "../../config/config.ts";
import { checkOf, type Check, type Teller } from "./finding.ts";
import { field, get, whyNot } from "./http.ts";
import { isAtLeast } from "./versions.ts";

const leastConsul = "1.8.0";
const leastApicurio = "3.0.0";

export function checkCatalog(catalog: Config["catalog"], now: () => number): Check {
  if (catalog.kind === "embedded")
    return checkOf(
      "catalog",
      (tell) => tell.ok("embedded"),
      () => ["", ""],
    );
  const { url, token } = catalog;
  const name = `consul ${new URL(url).host}`;
  const headers = token === undefined ? {} : { "x-consul-token": token };
  return checkOf(
    "catalog",
    async (tell, signal) => {
      const self = await get(`${url}/v1/agent/self`, { headers, now, signal });
      if (self.status === 403)
        return tell.bad(`${name} denies agent:read`, "Set MUSTER_CATALOG_TOKEN to an ACL token with agent:read, node:read and service:write.");
      const version = field(self.json, "Config", "Version");
      if (typeof version !== "string")
        return tell.bad(
          `${name} does not answer like a Consul agent (HTTP ${self.status})`,
          "MUSTER_CATALOG must be consul+http(s)://host:port of an agent's HTTP API.",
        );
      if (!isAtLeast(version, leastConsul)) tell.bad(`${name}, version ${version}, is too old`, `Use Consul ${leastConsul} or newer.`);
      self.clock(tell, "Consul");
      const leader = await get(`${url}/v1/status/leader`, { headers, now, signal });
      if (typeof leader.json !== "string" || leader.json === "")
        tell.bad(`${name}: the cluster has no leader`, "Check the Consul servers: without a leader nothing can be registered.");
      if (field(self.json, "DebugConfig", "ACLsEnabled") === true)
        await lookAtAcl(tell, name, (body) => get(`${url}/v1/internal/acl/authorize`, { headers, now, signal, body }));
      return tell.ok(`${name}, version ${version}`);
    },
    (error) => [`${name}: ${whyNot(error)}`, "Start the agent, or correct MUSTER_CATALOG."],
  );
}

async function lookAtAcl(tell: Teller, name: string, authorize: (body: unknown) => ReturnType<typeof get>): Promise<void> {
  const needed = [
    { Resource: "service", Access: "write", Segment: "muster-trial" },
    { Resource: "node", Access: "read", Segment: "muster" },
  ];
  const { status, json } = await authorize(needed);
  if (status !== 200 || !Array.isArray(json))
    return tell.warn(`${name}: the permissions of the token cannot be read (HTTP ${status})`, "It needs service:write, node:read and agent:read.");
  const denied = needed.filter((_, i) => field(json[i], "Allow") !== true).map(({ Resource, Access }) => `${Resource}:${Access}`);
  if (denied.length > 0)
    tell.bad(`${name} denies ${denied.join(" and ")}`, "Set MUSTER_CATALOG_TOKEN to an ACL token with service:write, node:read and agent:read.");
}

export function checkSchemas(schemas: Config["schemas"], now: () => number): Check {
  if (schemas.kind === "embedded")
    return checkOf(
      "schemas",
      (tell) => tell.ok("embedded"),
      () => ["", ""],
    );
  const { url, token } = schemas;
  const name = `apicurio ${new URL(url).host}`;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return checkOf(
    "schemas",
    async (tell, signal) => {
      const info = await get(`${url}/system/info`, { headers, now, signal });
      if (info.status === 401 || info.status === 403)
        return tell.bad(`${name} does not accept this token (HTTP ${info.status})`, "Set MUSTER_SCHEMAS_TOKEN to a token with the role sr-developer.");
      const version = field(info.json, "version");
      if (typeof version !== "string")
        return tell.bad(`${name} does not answer like an Apicurio Registry (HTTP ${info.status})`, "MUSTER_SCHEMAS must end in /apis/registry/v3.");
      if (!isAtLeast(version, leastApicurio)) tell.bad(`${name}, version ${version}, is too old`, `Use Apicurio Registry ${leastApicurio} or newer.`);
      info.clock(tell, "Apicurio");
      const features = await get(`${url}/system/uiConfig`, { headers, now, signal });
      if (field(features.json, "ui", "features", "readOnly") === true || field(features.json, "features", "readOnly") === true)
        tell.bad(`${name} is read-only`, "Set MUSTER_SCHEMAS to a registry that accepts writes.");
      const me = await get(`${url}/users/me`, { headers, now, signal });
      if (me.status === 200 && field(me.json, "admin") === false && field(me.json, "developer") === false)
        tell.bad(`${name}: this user may only read`, "Set MUSTER_SCHEMAS_TOKEN to a token with the role sr-developer.");
      return tell.ok(`${name}, version ${version}`);
    },
    (error) => [`${name}: ${whyNot(error)}`, "Start the registry, or correct MUSTER_SCHEMAS."],
  );
}

const brokerMs = 3_000;

export function checkEvents({ events, eventWire }: Pick<Config, "events" | "eventWire">): Check {
  if (events.kind === "embedded")
    return checkOf(
      "events",
      (tell) => tell.ok("embedded"),
      () => ["", ""],
    );
  const name = `kafka ${events.brokers.join(",")}`;
  return checkOf(
    "events",
    async (tell) => {
      const [{ Kafka, logLevel }, { stopIdleSpin }] = await Promise.all([import("kafkajs"), import("../../adapters/kafka/idle-spin.ts")]);
      stopIdleSpin();
      const kafka = new Kafka({
        brokers: [...events.brokers],
        clientId: "muster-doctor",
        connectionTimeout: brokerMs,
        requestTimeout: brokerMs,
        retry: { retries: 1 },
        logLevel: logLevel.NOTHING,
      });
      const admin = kafka.admin();
      try {
        await admin.connect();
        const { brokers, controller } = await admin.describeCluster();
        const present = await admin.listTopics();
        const missing = [...new Set(Object.values(eventWire.topics))].filter((topic) => !present.includes(topic));
        if (controller === null) tell.warn(`${name}: the cluster has no controller`, "Check the brokers: topics cannot be created without a controller.");
        tell.ok(
          `${name}, ${brokers.length} ${brokers.length === 1 ? "broker" : "brokers"}${missing.length > 0 ? `; created at the first event: ${missing.join(", ")}` : ""}`,
        );
      } finally {
        void admin.disconnect().catch(() => undefined);
      }
    },
    () => [`${name}: no broker answers`, "Start Kafka, or correct MUSTER_EVENTS: host:port of brokers, whose advertised listeners this machine can reach."],
  );
}
