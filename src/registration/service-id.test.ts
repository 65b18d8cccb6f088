import { expect, test } from "vitest";
import { requestHashOf, serviceIdOf } from "./service-id.ts";
import type { RegisterInput } from "./types.ts";

const input: RegisterInput = {
  name: "parser",
  type: "MODULE",
  connectivity: { advertisedHost: "10.0.0.1", advertisedPort: 9_000, tlsEnabled: false },
  version: "1.0.0",
  metadata: { a: "1", b: "2" },
  tags: ["x", "y"],
  capabilities: [],
  httpEndpoints: [],
  grpcServices: [],
  validateOnly: false,
  waitForApproval: false,
  healthTimeoutMs: 60_000,
  startupGraceMs: 15_000,
};

test("the order of map keys, ids and waiting options do not make another request", () => {
  const same: readonly Partial<RegisterInput>[] = [
    { metadata: { b: "2", a: "1" } },
    { requestId: "r" },
    { healthTimeoutMs: 1 },
    { startupGraceMs: 1 },
    { validateOnly: true },
    { waitForApproval: true },
  ];
  for (const more of same) expect(requestHashOf({ ...input, ...more })).toBe(requestHashOf(input));
});

test("everything else does", () => {
  const other: readonly Partial<RegisterInput>[] = [
    { metadata: { a: "1" } },
    { tags: ["y", "x"] },
    { capabilities: ["PARSER"] },
    { version: "1.0.1" },
    { type: "CONNECTOR" },
    { connectivity: { ...input.connectivity, internalHost: "inside" } },
    { connectivity: { ...input.connectivity, tlsEnabled: true } },
    { httpSchema: "{}" },
    { httpSchemaPath: "/openapi.json" },
    { grpcServices: ["a.B"] },
  ];
  const hashes = [input, ...other.map((more) => ({ ...input, ...more }))].map(requestHashOf);
  expect(new Set(hashes).size).toBe(hashes.length);
  for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
});

test("a service id is name, host and port as given", () => {
  expect(serviceIdOf("parser", "Host.example", 9_000)).toBe("parser-Host.example-9000");
});
