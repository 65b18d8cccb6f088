import { array, assert, nat, property } from "fast-check";
import { expect, test } from "vitest";
import { assign } from "./matching.ts";

/** The greatest number of people who can be seated, by trying everything. */
function most(choices: readonly (readonly number[])[], capacity: readonly number[]): number {
  const [first, ...rest] = choices;
  if (first === undefined) return 0;
  const seated = first
    .filter((place) => (capacity[place] ?? 0) > 0)
    .map(
      (place) =>
        1 +
        most(
          rest,
          capacity.map((free, i) => (i === place ? free - 1 : free)),
        ),
    );
  return Math.max(most(rest, capacity), ...seated);
}

test("as many people are seated as trying every assignment can seat, and no place has more than it takes", () => {
  const people = array(array(nat(2), { maxLength: 3 }), { maxLength: 6 });
  assert(
    property(people, array(nat(3), { minLength: 3, maxLength: 3 }), (choices, capacity) => {
      const seated = assign(choices, capacity);
      expect(seated.reduce((sum, n) => sum + n, 0)).toBe(most(choices, capacity));
      for (const [i, n] of seated.entries()) expect(n).toBeLessThanOrEqual(capacity[i] ?? 0);
    }),
  );
});

test("a person moves to another place where that makes room for somebody", () => {
  expect(assign([[0, 1], [0]], [1, 1])).toEqual([1, 1]);
  expect(assign([[0, 1], [1, 2], [0], [1]], [1, 1, 1])).toEqual([1, 1, 1]);
});

test("a place that nobody may take stays empty, and a place that does not exist takes nobody", () => {
  expect(assign([[0], [0], [7]], [5, 1])).toEqual([2, 0]);
});

test.each([
  ["of two places", [0, 1]],
  ["of one of two places, half of them each", undefined],
])("the work for many people with the choice %s grows with their number", (_name, both) => {
  const people = Array.from({ length: 4_000 }, (_, i) => both ?? [i < 2_000 ? 0 : 1]);
  let reads = 0;
  const counted = new Proxy([...people, [0, 1]], {
    get(list, name) {
      if (typeof name === "string" && /^\d+$/.test(name)) reads += 1;
      return Reflect.get(list, name) as unknown;
    },
  });
  expect(assign(counted, [1_000, 1_500])).toEqual([1_000, 1_500]);
  expect(reads).toBeLessThan(4 * people.length);
});
