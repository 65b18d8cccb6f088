import { create, toJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { sampleEvents } from "../../test/support/sample-events.ts";
import { registrationEvents, type RegistrationEvent } from "./events.ts";

const at = Date.UTC(2026, 0, 2, 4, 0, 0);
const timestamp = "2026-01-02T04:00:00Z";
const instance = { serviceId: "sample-10.0.0.1-9000" };
const where = { host: "10.0.0.1", port: 9000 };
const criticalSince = "2026-01-02T03:04:05Z";

const expected: Readonly<Record<RegistrationEvent["type"], object>> = {
  ServiceRegistered: { ...instance, ...where, serviceName: "sample", timestamp },
  ModuleRegistered: { ...instance, ...where, moduleName: "sample", version: "1.0.0", schemaId: "sample@1.0.0", apicurioArtifactId: "sample-config", timestamp },
  ServiceUnregistered: { ...instance, serviceName: "sample", timestamp },
  ModuleUnregistered: { ...instance, moduleName: "sample", timestamp },
  TagsUpdated: { ...instance, serviceName: "sample", tags: ["a", "capability:ä"], actor: "ci", timestamp },
  // Ten minutes after it was found critical.
  InstanceCritical: { ...instance, serviceName: "sample", criticalSince, reapedAfter: "2026-01-02T03:14:05Z", timestamp },
  InstanceRecovered: { ...instance, serviceName: "sample", criticalSince, timestamp },
  InstanceReaped: { ...instance, serviceName: "sample", criticalSince, timestamp },
};

test.each(registrationEvents.map((row) => [row.type, row] as const))("%s says what happened to which instance and when", (type, { schema, message }) => {
  const build = message as (event: RegistrationEvent, committedAt: number) => Parameters<typeof create>[1];
  expect(toJson(schema, create(schema, build(sampleEvents[type], at)))).toEqual(expected[type]);
});
