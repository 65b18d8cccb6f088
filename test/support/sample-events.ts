/** One event of each type. */
import type { RegistrationEvent } from "../../src/registration/events.ts";

const serviceId = "sample-10.0.0.1-9000";
const name = "sample";
const at = { host: "10.0.0.1", port: 9000, version: "1.0.0" };
const since = Date.UTC(2026, 0, 2, 3, 4, 5);

export const sampleEvents: Readonly<{ [Type in RegistrationEvent["type"]]: RegistrationEvent & { readonly type: Type } }> = {
  ServiceRegistered: { type: "ServiceRegistered", serviceId, name, ...at, version: "" },
  ModuleRegistered: { type: "ModuleRegistered", serviceId, name, ...at, schemaId: "sample@1.0.0", artifactId: "sample-config" },
  ServiceUnregistered: { type: "ServiceUnregistered", serviceId, name },
  ModuleUnregistered: { type: "ModuleUnregistered", serviceId, name },
  TagsUpdated: { type: "TagsUpdated", serviceId, name, tags: ["a", "capability:ä"], actor: "ci" },
  InstanceCritical: { type: "InstanceCritical", serviceId, name, since, reapedAfter: since + 600_000 },
  InstanceRecovered: { type: "InstanceRecovered", serviceId, name, since },
  InstanceReaped: { type: "InstanceReaped", serviceId, name, since },
};
