import type { CatalogInstance } from "../ports.ts";
import { expect, test } from "vitest";
import type { Registration } from "../records.ts";
import { discoveredFrom } from "./discovered.ts";

const ours: CatalogInstance = {
  serviceId: "echo-h-1",
  name: "echo",
  attemptId: "attempt",
  address: "h",
  port: 1,
  tags: ["blue", "capability:PARSE", "module"],
  meta: {
    team_name: "search",
    version: "1",
    "service-type": "SERVICE_TYPE_MODULE",
    "advertised-host": "h",
    "advertised-port": "1",
    "registration-id": "attempt",
    "muster-omitted": "1",
  },
  status: "passing",
  onTrial: false,
  checks: [],
};

const record: Registration = {
  id: "attempt",
  serviceId: "echo-h-1",
  name: "echo",
  host: "h",
  port: 1,
  type: "MODULE",
  version: "1",
  state: "ACTIVE",
  request: {
    name: "echo",
    type: "MODULE",
    connectivity: { advertisedHost: "h", advertisedPort: 1, tlsEnabled: false },
    version: "1",
    metadata: { "team.name": "search", big: "x".repeat(600) },
    tags: ["red"],
    capabilities: ["PARSE"],
    httpEndpoints: [{ scheme: "http", host: "h", port: 2, basePath: "", healthPath: "", tlsEnabled: false }],
    httpSchemaArtifactId: "api",
    httpSchemaVersion: "2",
    grpcServices: [],
    validateOnly: false,
    waitForApproval: false,
    healthTimeoutMs: 1,
    startupGraceMs: 1,
  },
  requestHash: "",
  address: "10.0.0.1",
  schema: { artifactId: "echo-config", version: "1" },
  description: undefined,
  actor: "me",
  registeredAt: 5,
  updatedAt: 6,
};

test("has what is in the record, with the tags and the health that the catalog has now", () => {
  expect(discoveredFrom(ours, record)).toEqual({
    kind: "module",
    serviceId: "echo-h-1",
    name: "echo",
    host: "h",
    port: 1,
    address: "10.0.0.1",
    version: "1",
    metadata: record.request.metadata,
    tags: ["blue"],
    capabilities: ["PARSE"],
    healthy: true,
    registeredAt: 5,
    httpEndpoints: record.request.httpEndpoints,
    httpSchemaArtifactId: "api",
    httpSchemaVersion: "2",
  });
});

test("without its record has what the catalog keeps, without what is the catalog's own", () => {
  expect(discoveredFrom(ours, undefined)).toMatchObject({ metadata: { team_name: "search" }, version: "1", registeredAt: undefined, tags: ["blue"] });
});

test("marks what somebody else put into the catalog, and leaves it as it is", () => {
  const foreign = { ...ours, attemptId: undefined, meta: { version: "9", zone: "b" }, tags: ["blue", "capability:X"] };
  expect(discoveredFrom(foreign, undefined)).toMatchObject({
    kind: "service",
    metadata: { version: "9", zone: "b", "muster-foreign": "true" },
    version: "9",
    tags: ["blue"],
    capabilities: ["X"],
  });
  expect(discoveredFrom({ ...foreign, tags: ["module"] }, undefined)).toMatchObject({ kind: "module", tags: [] });
  expect(discoveredFrom({ ...foreign, tags: ["module"], meta: { "service-type": "SERVICE_TYPE_SERVICE" } }, undefined)).toMatchObject({
    kind: "service",
    tags: ["module"],
  });
});

test.each(["warning", "critical", "maintenance"] as const)("is not healthy while the catalog says %s", (status) => {
  expect(discoveredFrom({ ...ours, status }, record).healthy).toBe(false);
});

test("keeps a tag `module` that was asked for", () => {
  const asked = { ...record, request: { ...record.request, tags: ["module"] } };
  expect(discoveredFrom(ours, asked).tags).toEqual(["blue", "module"]);
});
