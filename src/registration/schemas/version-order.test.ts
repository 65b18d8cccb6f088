import { expect, test } from "vitest";
import { latestFirst, predecessorOf } from "./version-order.ts";

const ordered = (...newestFirst: string[]) => latestFirst(newestFirst.map((version) => ({ version }))).map(({ version }) => version);

test("semantic versions are ordered by precedence", () => {
  const rising = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0"];
  const more = [...rising, "1.0.1", "1.2.0", "1.10.0", "2.0.0-1", "2.0.0-a", "2.0.0", "10.0.0", "99999999999999999999.0.0", "100000000000000000000.0.0"];
  expect(ordered(...more)).toEqual(more.toReversed());
  expect(ordered(...more.toReversed())).toEqual(more.toReversed());
});

test("of equals, the newest comes first", () => {
  expect(ordered("1.0.0+b", "1.0.0+a", "1.0.0-rc")).toEqual(["1.0.0+b", "1.0.0+a", "1.0.0-rc"]);
});

test("where one is no semantic version, the order of registration counts", () => {
  for (const odd of ["dev", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "1.0.0+", "1.0.0 ", "2026-11-26"]) {
    expect(ordered("1.0.1", odd, "2.0.0"), odd).toEqual(["1.0.1", odd, "2.0.0"]);
  }
});

test("a new version follows on the highest before it", () => {
  expect(predecessorOf("1.0.1", ["2.0.0", "1.0.0"])).toBe("1.0.0");
  expect(predecessorOf("3.0.0", ["1.0.1", "2.0.0", "1.0.0"])).toBe("2.0.0");
  expect(predecessorOf("2.0.0", ["2.0.0-rc.1", "1.0.0"])).toBe("2.0.0-rc.1");
  expect(predecessorOf("2.0.0-rc.2", ["2.0.0", "2.0.0-rc.1"])).toBe("2.0.0-rc.1");
  expect(predecessorOf("1.0.0+b", ["1.0.0+a"])).toBe("1.0.0+a");
  expect(predecessorOf("0.9.0", ["1.0.0"])).toBeUndefined();
  expect(predecessorOf("1.0.0", [])).toBeUndefined();
  expect(predecessorOf("1.0.1", ["dev", "2.0.0"])).toBe("dev");
  expect(predecessorOf("dev", ["1.0.0", "2.0.0"])).toBe("1.0.0");
});
