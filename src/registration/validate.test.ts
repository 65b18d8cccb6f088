import { describe, expect, test } from "vitest";
import {
  checkAttemptId,
  checkLookup,
  checkResolve,
  checkUnregister,
  checkUpdateTags,
  dnsWarning,
  registerViolations,
  type RegisterCandidate,
} from "./validate.ts";

const endpoint = { scheme: "http", host: "example.org", port: 80, basePath: "", healthPath: "", tlsEnabled: false };
const valid: RegisterCandidate = {
  name: "parser",
  type: "SERVICE",
  connectivity: { advertisedHost: "10.0.0.1", advertisedPort: 9_000, tlsEnabled: false },
  version: "1.0.0",
  metadata: {},
  tags: [],
  capabilities: [],
  httpEndpoints: [],
  grpcServices: [],
  validateOnly: false,
  waitForApproval: false,
  healthTimeoutMs: 60_000,
  startupGraceMs: 15_000,
};
const document = JSON.stringify({ openapi: "3.1.0", info: { title: "t", version: "1" }, paths: {} });

const fieldsOf = (more: Partial<RegisterCandidate>) => registerViolations({ ...valid, ...more }).map(({ field }) => field);
const at = (where: Partial<RegisterCandidate["connectivity"]>) => ({ connectivity: { ...valid.connectivity, ...where } });
const many = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`);
const pairs = (count: number) => Object.fromEntries(many(count).map((key) => [key, "v"]));
const padded = (bytes: number) => document + " ".repeat(bytes - document.length);

/** Each at its limit, and one step beyond it. */
const limits: readonly (readonly [field: string, within: readonly Partial<RegisterCandidate>[], beyond: readonly Partial<RegisterCandidate>[]])[] = [
  [
    "name",
    [{ name: "n".repeat(128) }, { name: "n" }, { name: "A.b_c-9" }],
    [{ name: "n".repeat(129) }, { name: "" }, { name: "-n" }, { name: "n-" }, { name: "ä" }],
  ],
  ["type", [], [{ type: "UNSPECIFIED" }, { type: "UNKNOWN" }]],
  ["connectivity.advertised_host", [at({ advertisedHost: "h" })], [at({ advertisedHost: "" }), at({ advertisedHost: "1.2.3" })]],
  [
    "connectivity.advertised_port",
    [1, 65_535].map((advertisedPort) => at({ advertisedPort })),
    [0, -1, 65_536, 1.5].map((advertisedPort) => at({ advertisedPort })),
  ],
  ["connectivity.internal_host", [at({ internalHost: "h" })], [at({ internalHost: "" })]],
  ["connectivity.internal_port", [1, 65_535].map((internalPort) => at({ internalPort })), [0, 65_536].map((internalPort) => at({ internalPort }))],
  [
    "version",
    [{ version: "" }, { version: "v".repeat(256) }, { version: "1.0.0+b-c_d" }],
    [
      { version: "v".repeat(257) },
      { version: "1/2" },
      { version: "." },
      { version: ".." },
      { type: "MODULE", version: "" },
      { type: "CONNECTOR", version: "" },
    ],
  ],
  [
    "metadata",
    [{ metadata: pairs(64) }, { metadata: { ["k".repeat(128)]: "" } }, { metadata: { k: "x".repeat(16_384) } }, { metadata: { k: "ä".repeat(8_192) } }],
    [
      { metadata: pairs(65) },
      { metadata: { ["k".repeat(129)]: "" } },
      { metadata: { "": "v" } },
      { metadata: { "a\u007f": "v" } },
      { metadata: { k: "x".repeat(16_385) } },
      { metadata: { k: "ä".repeat(16_384) } },
    ],
  ],
  [
    "tags",
    [{ tags: many(64) }, { tags: ["t".repeat(256)] }, { tags: ["modules", "my-capability:x"] }],
    [
      { tags: ["module"] },
      { tags: ["a", "capability:search"] },
      { tags: ["capability:"] },
      { tags: many(65) },
      { tags: ["t".repeat(257)] },
      { tags: [""] },
      { tags: ["a\u0000"] },
      { tags: ["a\u009f"] },
    ],
  ],
  ["capabilities", [{ capabilities: many(64) }], [{ capabilities: many(65) }, { capabilities: [""] }]],
  [
    "http_endpoints",
    [
      { httpEndpoints: Array.from({ length: 16 }, () => endpoint) },
      { httpEndpoints: [{ ...endpoint, scheme: "https", port: 65_535, basePath: "/a//b", healthPath: `/${"p".repeat(1_023)}` }] },
    ],
    [
      { httpEndpoints: Array.from({ length: 17 }, () => endpoint) },
      ...[
        { scheme: "ftp" },
        { scheme: "xhttp" },
        { host: "a b" },
        { port: 0 },
        { port: 65_536 },
        { basePath: "a" },
        { basePath: "//host" },
        { healthPath: "//host" },
      ].map((wrong) => ({
        httpEndpoints: [endpoint, { ...endpoint, ...wrong }],
      })),
      { httpEndpoints: [{ ...endpoint, basePath: `/${"p".repeat(1_024)}` }] },
      { httpEndpoints: [{ ...endpoint, healthPath: "/a\n" }] },
    ],
  ],
  [
    "http_schema",
    [{ httpSchema: padded(262_144) }, { type: "MODULE", httpSchema: "no document" }],
    [{ httpSchema: padded(262_145) }, { httpSchema: "{}" }, { httpSchema: "" }],
  ],
  [
    "http_schema_version",
    [{ httpSchemaVersion: "1" }, { httpSchema: document, version: "", httpSchemaVersion: "1" }],
    [{ httpSchemaVersion: "" }, { httpSchemaVersion: "a b" }, { httpSchema: document, version: "" }],
  ],
  [
    "http_schema_artifact_id",
    [{ httpSchemaArtifactId: "a".repeat(512) }, { httpSchemaArtifactId: "other-config" }, { httpSchema: document, httpSchemaArtifactId: "parser-http-config" }],
    [".", "..", "", "a b", "a%", "a".repeat(513)]
      .map((httpSchemaArtifactId) => ({ httpSchemaArtifactId }))
      .concat({ httpSchema: document, httpSchemaArtifactId: "other-config" } as never),
  ],
  [
    "http_schema_path",
    [
      { httpSchemaPath: "/openapi.json?a=b", httpEndpoints: [endpoint] },
      { httpSchemaPath: `/${"p".repeat(1_023)}`, httpEndpoints: [endpoint] },
    ],
    [
      { httpSchemaPath: "/a" },
      ...["", "a", "//host/a", "/a b", "/a#b", `/${"p".repeat(1_024)}`].map((httpSchemaPath) => ({ httpSchemaPath, httpEndpoints: [endpoint] })),
      { type: "MODULE", httpSchemaPath: "/a", httpEndpoints: [endpoint] },
      { httpSchema: document, httpSchemaPath: "/a", httpEndpoints: [endpoint] },
    ],
  ],
  [
    "grpc_services",
    [{ grpcServices: Array.from({ length: 64 }, () => "a.b.C") }, { grpcServices: ["s".repeat(256)] }],
    [
      { grpcServices: Array.from({ length: 65 }, () => "a.b.C") },
      { grpcServices: ["s".repeat(257)] },
      { grpcServices: ["a..b"] },
      { grpcServices: ["9a"] },
      { grpcServices: [""] },
    ],
  ],
  [
    "request_id",
    [{ requestId: "r".repeat(128) }, { requestId: "!~" }],
    [{ requestId: "r".repeat(129) }, { requestId: "" }, { requestId: "a b" }, { requestId: "ä" }],
  ],
  [
    "health_timeout",
    [{ healthTimeoutMs: 120_000 }, { healthTimeoutMs: 1, startupGraceMs: 0 }],
    [{ healthTimeoutMs: 120_001 }, { healthTimeoutMs: 0, startupGraceMs: 0 }],
  ],
  ["startup_grace", [{ startupGraceMs: 0 }, { startupGraceMs: 60_000 }], [{ startupGraceMs: -1 }, { startupGraceMs: 60_001 }]],
];

describe.each(limits)("%s of a Register request", (field, within, beyond) => {
  test.each(within.map((more, index) => [index, more] as const))("within its limits, %i", (_index, more) => {
    expect(fieldsOf(more)).toEqual([]);
  });
  test.each(beyond.map((more, index) => [index, more] as const))("beyond them, %i", (_index, more) => {
    expect(fieldsOf(more)).toEqual([field]);
  });
});

test("all bad fields are named at once, with which entry is wrong", () => {
  const wrong = registerViolations({ ...valid, name: "", tags: ["ok", ""], httpEndpoints: [endpoint, { ...endpoint, port: 0 }], grpcServices: ["a.B", "-"] });
  expect(wrong.map(({ field, description }) => `${field} ${description}`)).toEqual([
    "name must match ^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$",
    "tags entry 1 must be 1 to 256 characters without control characters",
    "http_endpoints entry 1: port must be from 1 to 65535",
    "grpc_services entry 1 must be a full gRPC service name",
  ]);
});

const refusedFields = (check: () => void): readonly string[] => {
  try {
    check();
    return [];
  } catch (error) {
    return (error as { readonly fields: readonly { readonly field: string }[] }).fields.map(({ field }) => field);
  }
};

test("requests about instances and tags", () => {
  expect(refusedFields(() => checkUnregister({ name: "n", host: "h", port: 65_535 }))).toEqual([]);
  expect(refusedFields(() => checkUnregister({ name: "", host: "", port: 0 }))).toEqual(["name", "host", "port"]);
  expect(refusedFields(() => checkUpdateTags({ serviceId: "s".repeat(512), tags: many(64) }))).toEqual([]);
  expect(refusedFields(() => checkUpdateTags({ serviceId: "s".repeat(513), tags: many(65) }))).toEqual(["service_id", "tags"]);
  expect(refusedFields(() => checkUpdateTags({ serviceId: "", tags: [""] }))).toEqual(["service_id", "tags"]);
  expect(refusedFields(() => checkUpdateTags({ serviceId: "a\u0000", tags: [] }))).toEqual(["service_id"]);
  for (const tag of ["module", "capability:search", "capability:"])
    expect(refusedFields(() => checkUpdateTags({ serviceId: "s", tags: [tag] }))).toEqual(["tags"]);
});

test("requests that look something up", () => {
  expect(refusedFields(() => checkLookup("service_id", "ä b".padEnd(512, "x")))).toEqual([]);
  for (const bad of ["", "x".repeat(513), "a\u0085"]) expect(refusedFields(() => checkLookup("service_id", bad))).toEqual(["service_id"]);
  expect(refusedFields(() => checkResolve({ name: "n", requiredTags: many(64), requiredCapabilities: many(64) }))).toEqual([]);
  const all = ["service_name", "required_tags", "required_capabilities"];
  expect(refusedFields(() => checkResolve({ name: "", requiredTags: many(65), requiredCapabilities: many(65) }))).toEqual(all);
  expect(refusedFields(() => checkAttemptId("a".repeat(128)))).toEqual([]);
  for (const bad of ["", "a".repeat(129), "a b"]) expect(refusedFields(() => checkAttemptId(bad))).toEqual(["attempt_id"]);
});

test("a name that the catalog's DNS cannot look up is warned of", () => {
  for (const name of ["a", "A-9", "n".repeat(63)]) expect(dnsWarning(name)).toBeUndefined();
  for (const name of ["a.b", "a_b", "n".repeat(64)]) expect(dnsWarning(name)).toMatch(/DNS/);
});
