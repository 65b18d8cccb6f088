import { expect, test } from "vitest";
import { catalogMetadata } from "./catalog-metadata.ts";

const hashed = /^[A-Za-z0-9_-]+-[0-9a-f]{8}$/;

test("keeps keys of Consul's form and makes the others so", () => {
  expect(catalogMetadata({}, { "build.commit": "1", "a/b c": "2", "x-y_z": "3" })).toEqual({ build_commit: "1", a_b_c: "2", "x-y_z": "3" });
});

test("gives keys that would become one name different names, whatever their order", () => {
  const one = catalogMetadata({}, { "a.b": "1", "a b": "2", a_b: "3" });
  expect(one).toEqual(catalogMetadata({}, { a_b: "3", "a b": "2", "a.b": "1" }));
  expect(one["a_b"]).toBe("3");
  const others = Object.entries(one).filter(([key]) => key !== "a_b");
  expect(others.map(([, value]) => value).toSorted()).toEqual(["1", "2"]);
  expect(others.every(([key]) => hashed.test(key))).toBe(true);
});

test("a given key never takes the place of ours, nor of the count", () => {
  const meta = catalogMetadata({ version: "ours" }, { version: "theirs", "muster-omitted": "99", "muster-trial-of": "shop" });
  expect(meta["version"]).toBe("ours");
  expect(meta["muster-omitted"]).toBeUndefined();
  expect(meta["muster-trial-of"]).toBeUndefined();
  expect(Object.values(meta).toSorted()).toEqual(["99", "ours", "shop", "theirs"]);
});

test("even a key made to meet a hashed one loses nothing silently", () => {
  const taken = Object.keys(catalogMetadata({}, { "a.b": "1", a_b: "2" })).find((key) => hashed.test(key)) ?? "";
  const meta = catalogMetadata({}, { "a.b": "1", a_b: "2", [taken]: "3" });
  expect(meta).toEqual({ a_b: "2", [taken]: "3", "muster-omitted": "1" });
});

test("moves the prefix that Consul keeps for itself, and names an empty key", () => {
  expect(catalogMetadata({}, { "consul-x": "1", "": "2" })).toEqual({ consul_x: "1", _: "2" });
});

test("leaves out values above 512 bytes, not 512 characters", () => {
  expect(catalogMetadata({}, { fits: "x".repeat(512), long: "ü".repeat(257) })).toEqual({ fits: "x".repeat(512), "muster-omitted": "1" });
});

test("shortens keys to 128 and keeps the shortened distinct", () => {
  const meta = catalogMetadata({}, { [`${"k".repeat(200)}1`]: "1", [`${"k".repeat(200)}2`]: "2" });
  expect(Object.keys(meta).map((key) => key.length)).toEqual([128, 128]);
});

test("never has more than 64 pairs, ours and the count included", () => {
  const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, ""]));
  const own = { version: "1", team: "2" };
  const full = catalogMetadata(own, pairs(62));
  expect(Object.keys(full)).toHaveLength(64);
  expect(full["muster-omitted"]).toBeUndefined();
  const over = catalogMetadata(own, pairs(63));
  expect(Object.keys(over)).toHaveLength(64);
  expect(over["muster-omitted"]).toBe("2");
});

test("takes __proto__ for a key like any other", () => {
  const meta = catalogMetadata({}, JSON.parse('{"__proto__":"x"}') as Record<string, string>);
  expect(Object.entries(meta)).toEqual([["__proto__", "x"]]);
});
