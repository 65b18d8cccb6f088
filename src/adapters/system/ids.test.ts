import { expect, test } from "vitest";
import { createUuidV7, uuidV7Floor } from "./ids.ts";

const at = (ms: number) => createUuidV7({ now: () => ms, sleep: async () => undefined });

test("ids sort in the order they were made, also within a millisecond and when the clock goes back", () => {
  let now = 1_795_000_000_123;
  const ids = createUuidV7({ now: () => now, sleep: async () => undefined });
  const made = Array.from({ length: 10_000 }, (_, index) => {
    if (index === 5_000) now -= 60_000;
    return ids.next();
  });
  expect(made.toSorted()).toEqual(made);
  expect(made.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toBe(true);
});

test("the floor of a time parts earlier ids from later ones", () => {
  const time = 1_795_000_000_123;
  for (let times = 0; times < 100; times++) {
    expect(at(time - 1).next() < uuidV7Floor(time)).toBe(true);
    expect(at(time).next() > uuidV7Floor(time)).toBe(true);
  }
});
