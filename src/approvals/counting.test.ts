import { expect, test } from "vitest";
import { needOf } from "./counting.ts";

const ten = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

test.each([
  [1, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
  [10, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
  [25, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]],
  [33, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]],
  [34, [1, 1, 2, 2, 2, 3, 3, 3, 4, 4]],
  [50, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]],
  [51, [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]],
  [66, [1, 2, 2, 3, 4, 4, 5, 6, 6, 7]],
  [67, [1, 2, 3, 3, 4, 5, 5, 6, 7, 7]],
  [75, [1, 2, 3, 3, 4, 5, 6, 6, 7, 8]],
  [90, [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]],
  [99, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  [100, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
])("%i percent of 1 to 10 people is rounded up", (percent, expected) => {
  expect(ten.map((n) => needOf({ percent }, n))).toEqual(expected);
});

test("whole percent are computed without error of fractions", () => {
  const cases = Array.from({ length: 300 }, (_, i) => i + 1).flatMap((n) => Array.from({ length: 100 }, (_, i) => ({ n, percent: i + 1 })));
  const wrong = cases.filter(({ n, percent }) => {
    const need = needOf({ percent }, n);
    return need * 100 < percent * n || (need > 1 && (need - 1) * 100 >= percent * n);
  });
  expect(wrong).toEqual([]);
});

test("all is everybody, a count is that count, and both want somebody at least", () => {
  expect(needOf("all", 4)).toBe(4);
  expect(needOf("all", 0)).toBe(1);
  expect(needOf({ count: 3 }, 1)).toBe(3);
  expect(needOf({ count: 0 }, 5)).toBe(1);
  expect(needOf({ count: -1 }, undefined)).toBe(1);
  expect(needOf({ percent: 0 }, 5)).toBe(1);
});

test("a share of people whom nothing lists cannot be reached", () => {
  expect(needOf("all", undefined)).toBe(Number.POSITIVE_INFINITY);
  expect(needOf({ percent: 1 }, undefined)).toBe(Number.POSITIVE_INFINITY);
  expect(needOf({ count: 2 }, undefined)).toBe(2);
});
