import { expect, test } from "vitest";
import type { Discovered } from "./discovered.ts";
import { isLocal, preferred, resolve, type ResolveQuestion } from "./resolve.ts";

function instance(serviceId: string, more: Partial<Discovered> = {}): Discovered {
  return {
    kind: "service",
    serviceId,
    name: "echo",
    host: `${serviceId}.example.org`,
    port: 80,
    address: undefined,
    version: "",
    metadata: {},
    tags: [],
    capabilities: [],
    healthy: true,
    registeredAt: undefined,
    httpEndpoints: [],
    httpSchemaArtifactId: undefined,
    httpSchemaVersion: undefined,
    ...more,
  };
}

const question: ResolveQuestion = { name: "echo", preferLocal: false, requiredTags: [], requiredCapabilities: [], caller: undefined };
const ids = (instances: readonly Discovered[], asked: ResolveQuestion, turns: number) =>
  Array.from({ length: turns }, (_, turn) => resolve(instances, asked, turn).chosen?.serviceId);

test("goes round among the healthy ones and counts both", () => {
  const all = [instance("a"), instance("b", { healthy: false }), instance("c")];
  expect(ids(all, question, 4)).toEqual(["a", "c", "a", "c"]);
  expect(resolve(all, question, 0)).toMatchObject({ total: 3, healthy: 2, why: "one of 2 healthy, in turn" });
});

test("needs every tag and every capability, and says why none fits", () => {
  const all = [
    instance("a", { tags: ["x", "y"], capabilities: ["parse"] }),
    instance("b", { tags: ["x"], capabilities: ["parse"] }),
    instance("c", { tags: ["x", "y"] }),
  ];
  const asked = { ...question, requiredTags: ["x", "y"], requiredCapabilities: ["parse"] };
  expect(ids(all, asked, 2)).toEqual(["a", "a"]);
  expect(resolve(all, asked, 0)).toMatchObject({ total: 3, healthy: 3, why: "the only one of 3 healthy that fits" });
  expect(resolve(all, { ...asked, requiredTags: ["z"] }, 0)).toEqual({
    chosen: undefined,
    total: 3,
    healthy: 3,
    why: "none of 3 healthy has all required tags and capabilities",
  });
});

test("never sends to one that is not healthy", () => {
  expect(resolve([instance("a", { healthy: false })], question, 0)).toEqual({
    chosen: undefined,
    total: 1,
    healthy: 0,
    why: "none of 1 registered is healthy",
  });
  expect(resolve([], question, 0)).toEqual({ chosen: undefined, total: 0, healthy: 0, why: "no instance of echo is registered" });
});

test("prefers the caller's host among those that fit, and falls back", () => {
  const all = [
    instance("a"),
    instance("b", { address: "10.0.0.7" }),
    instance("c", { host: "10.0.0.7" }),
    instance("d", { address: "10.0.0.7", healthy: false }),
  ];
  const asked = { ...question, preferLocal: true, caller: "::ffff:10.0.0.7" };
  expect(ids(all, asked, 3)).toEqual(["b", "c", "b"]);
  expect(resolve(all, asked, 0).why).toBe("one of 2 on the caller's host, in turn");
  expect(resolve(all, { ...asked, caller: "10.9.9.9" }, 0)).toMatchObject({
    chosen: { serviceId: "a" },
    why: "one of 3 healthy, in turn; none is on the caller's host",
  });
  expect(resolve(all, { ...asked, preferLocal: false }, 0).chosen?.serviceId).toBe("a");
});

test("knows the caller's host by address, whatever its form", () => {
  expect(isLocal(instance("a", { host: "::1" }), "127.0.0.1")).toBe(true);
  expect(isLocal(instance("a", { host: "localhost" }), "::ffff:127.0.0.1")).toBe(true);
  expect(isLocal(instance("a", { host: "FE80::1" }), "fe80::1")).toBe(true);
  expect(isLocal(instance("a", { host: "10.0.0.7", address: "10.0.0.8" }), "10.0.0.7")).toBe(false);
  expect(isLocal(instance("a", { host: "10.0.0.7" }), undefined)).toBe(false);
  expect(isLocal(instance("a", { host: "127.example.org" }), "127.0.0.1")).toBe(false);
});

test("stands for a name by its first healthy instance, else by its first", () => {
  const sick = instance("a", { healthy: false });
  expect(preferred([sick, instance("b")])?.serviceId).toBe("b");
  expect(preferred([sick])).toBe(sick);
  expect(preferred([])).toBeUndefined();
});
